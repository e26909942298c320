//! The `js-process-*` events of `tauri-plugin-js`, for pages and Rust code that listen to them.
//!
//! Tauri delivers an emitted event to every window that listens. An event is therefore emitted only if every
//! window may see the process. Otherwise it is evaluated, with Tauri's own script, in the windows that may.
//! No process waits for listeners: a slow listener gets `js-process-dropped` with the number of events it
//! missed.

use std::collections::HashSet;

use js_runtime::{Backpressure, Event, ProcessInfo, Record, State, Stream, Subscription};
use serde::Serialize;
use serde_json::{Value, json};
use tauri::{AppHandle, Emitter, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::js::JsExt;

/// Most events of one process in one delivery. The next delivery waits for the main thread.
const MAX_BATCH_EVENTS: usize = 256;

/// One event for listeners.
#[derive(Serialize)]
struct TauriEvent {
    event: &'static str,
    payload: Value,
}

/// Sends the events of all processes until the app ends.
pub(crate) async fn run<R: Runtime>(app: AppHandle<R>) {
    let mut changes = app.js().changes();
    let mut subscribed = HashSet::new();
    let mut forwarders = JoinSet::new();
    loop {
        for ProcessInfo { name, .. } in app.js().list() {
            if subscribed.contains(&name) {
                continue;
            }
            // Fails if the process was removed after it was listed.
            if let Ok(subscription) = app.js().subscribe_with(&name, Backpressure::Drop, true) {
                subscribed.insert(name.clone());
                forwarders.spawn(forward(app.clone(), name, subscription.without_spin()));
            }
        }
        tokio::select! {
            is_open = changes.changed() => if !is_open { return },
            // Another process may have taken the name since.
            Some(Ok(removed)) = forwarders.join_next() => {
                subscribed.remove(&removed);
            }
        }
    }
}

/// Sends the events of one process. Returns its name once it is removed.
async fn forward<R: Runtime>(
    app: AppHandle<R>,
    name: String,
    mut subscription: Subscription,
) -> String {
    loop {
        let records = subscription.recv_batch(MAX_BATCH_EVENTS).await;
        if records.is_empty() {
            return name;
        }
        let events: Vec<TauriEvent> =
            records.iter().flat_map(|record| translate(&name, record)).collect();
        if send(&app, &name, &events).await {
            await_main_thread(&app).await;
        }
    }
}

fn translate(name: &str, record: &Record) -> Vec<TauriEvent> {
    let line =
        |event| TauriEvent { event, payload: json!({ "name": name, "data": record.text() }) };
    let partial = |event| TauriEvent {
        event,
        payload: json!({ "name": name, "data": record.text(), "partial": true }),
    };
    let state = |state: &State| TauriEvent {
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
            TauriEvent { event: "js-process-exit", payload: json!({ "name": name, "code": code }) },
        ],
        Event::Dropped { events, bytes } => vec![TauriEvent {
            event: "js-process-dropped",
            payload: json!({ "name": name, "events": events, "bytes": bytes }),
        }],
        _ => vec![],
    }
}

/// Returns whether any window received the events.
async fn send<R: Runtime>(app: &AppHandle<R>, name: &str, events: &[TauriEvent]) -> bool {
    let js = app.js();
    let (windows, is_all) = js.window_scopes.covering(name, js.is_declared(name)).await;
    if is_all {
        for TauriEvent { event, payload } in events {
            // Fails only for invalid event names.
            let _ = app.emit(event, payload);
        }
    } else {
        let script = dispatch_script(events);
        for window in &windows {
            // Fails for a window that has just been closed.
            let _ = window.eval(&script);
        }
    }
    !windows.is_empty()
}

/// A script that calls the listeners of one window, as Tauri's own script does in all windows.
fn dispatch_script(events: &[TauriEvent]) -> String {
    // Passed through JSON.parse: in a JavaScript literal, keys like `__proto__` are special.
    let events = Value::String(json!(events).to_string());
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

/// Waits until the main thread has processed its queue: Tauri does not bound that queue.
async fn await_main_thread<R: Runtime>(app: &AppHandle<R>) {
    let (done, is_done) = oneshot::channel();
    let notify = move || {
        let _ = done.send(());
    };
    if app.run_on_main_thread(notify).is_ok() {
        // Fails if the app is exiting.
        let _ = is_done.await;
    }
}
