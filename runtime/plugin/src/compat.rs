//! The events that `tauri-plugin-js` sends, for pages and Rust code that listen to them.
//!
//! Tauri hands an emitted event to every window that listens. So events are emitted only while every
//! window may see the process; otherwise they go, by way of the function that Tauri itself calls, to
//! the windows that may. Nothing waits for listeners: one that is too slow is told how much it missed.

use std::collections::HashSet;

use js_runtime::{Backpressure, Event, ProcessInfo, Record, State, Stream, Subscription};
use serde::Serialize;
use serde_json::{Value, json};
use tauri::{AppHandle, Emitter, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::js::JsExt;

/// How many events are taken at once; then the main thread must have dealt with them.
const MOST_EVENTS: usize = 256;

/// One event for listeners.
#[derive(Serialize)]
struct Sent {
    event: &'static str,
    payload: Value,
}

/// Reports on every process, until the app ends.
pub(crate) async fn run<R: Runtime>(app: AppHandle<R>) {
    let mut changes = app.js().changes();
    let mut known = HashSet::new();
    let mut reports = JoinSet::new();
    loop {
        for ProcessInfo { name, .. } in app.js().list() {
            if known.contains(&name) {
                continue;
            }
            // It may have been removed since it was listed.
            if let Ok(subscription) = app.js().subscribe_with(&name, Backpressure::Drop, true) {
                known.insert(name.clone());
                reports.spawn(report_on(app.clone(), name, subscription));
            }
        }
        tokio::select! {
            goes_on = changes.changed() => if !goes_on { return },
            // One of the same name may have come since.
            Some(Ok(removed)) = reports.join_next() => {
                known.remove(&removed);
            }
        }
    }
}

/// Says on the standard error stream that a declared backend could not be started: there is nobody to
/// answer to.
pub(crate) fn report<R: Runtime>(app: &AppHandle<R>, name: &str, error: &crate::Error) {
    let app = &app.package_info().name;
    #[expect(clippy::print_stderr, reason = "a plugin has no log of its own")]
    {
        eprintln!("{app}: the backend '{name}' could not be started: {error}");
    }
}

/// Returns the name once the process is forgotten.
async fn report_on<R: Runtime>(
    app: AppHandle<R>,
    name: String,
    mut subscription: Subscription,
) -> String {
    loop {
        let records = subscription.recv_batch(MOST_EVENTS).await;
        if records.is_empty() {
            return name;
        }
        let sent: Vec<Sent> = records.iter().flat_map(|record| translate(&name, record)).collect();
        if send(&app, &name, &sent).await {
            main_thread_is_done(&app).await;
        }
    }
}

fn translate(name: &str, record: &Record) -> Vec<Sent> {
    let line = |event| Sent { event, payload: json!({ "name": name, "data": record.text() }) };
    let partial = |event| Sent {
        event,
        payload: json!({ "name": name, "data": record.text(), "partial": true }),
    };
    let state = |state: &State| Sent {
        event: "js-process-state",
        payload: json!({ "name": name, "generation": record.generation, "state": state }),
    };
    match &record.event {
        Event::Stdout(_) => vec![line("js-process-stdout")],
        Event::Stderr(_) => vec![line("js-process-stderr")],
        Event::Partial { stream: Stream::Stdout, .. } => vec![partial("js-process-stdout")],
        Event::Partial { stream: Stream::Stderr, .. } => vec![partial("js-process-stderr")],
        Event::State(now) => vec![state(now)],
        Event::Exit { reason, code } => vec![
            state(&State::Exited { reason: reason.clone(), code: *code }),
            Sent { event: "js-process-exit", payload: json!({ "name": name, "code": code }) },
        ],
        Event::Dropped { events, bytes } => vec![Sent {
            event: "js-process-dropped",
            payload: json!({ "name": name, "events": events, "bytes": bytes }),
        }],
        _ => vec![],
    }
}

/// Whether anything was handed to a window.
async fn send<R: Runtime>(app: &AppHandle<R>, name: &str, sent: &[Sent]) -> bool {
    let (viewers, is_all) = app.js().viewers.of(name, app.js().is_declared(name)).await;
    if is_all {
        for Sent { event, payload } in sent {
            // Fails only for names that are not event names.
            let _ = app.emit(event, payload);
        }
    } else {
        let script = dispatch(sent);
        for viewer in &viewers {
            // Fails when the window has just been closed.
            let _ = viewer.eval(&script);
        }
    }
    !viewers.is_empty()
}

/// Hands events to the listeners of one window alone, as Tauri's own script does to those of all.
fn dispatch(sent: &[Sent]) -> String {
    // JSON in a string is parsed as JSON and not as JavaScript, where some keys are special.
    let events = Value::String(json!(sent).to_string());
    format!(
        "(function () {{
          const emit = window['__internal_unstable_listeners_function_id__'];
          const listeners = window['__internal_unstable_listeners_object_id__'];
          if (!emit || !listeners) return;
          for (const {{ event, payload }} of JSON.parse({events})) {{
            const ids = Object.getOwnPropertyNames(listeners[event] || {{}}).map(Number);
            if (ids.length > 0) emit({{ event, payload }}, ids);
          }}
        }})()"
    )
}

/// Waits until the main thread has dealt with what it was given so far: Tauri's queue has no bound.
async fn main_thread_is_done<R: Runtime>(app: &AppHandle<R>) {
    let (done, is_done) = oneshot::channel();
    let tell = move || {
        let _ = done.send(());
    };
    if app.run_on_main_thread(tell).is_ok() {
        // An error says that the app is ending.
        let _ = is_done.await;
    }
}
