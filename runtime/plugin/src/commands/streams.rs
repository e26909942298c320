//! Commands for input to processes, and for output and process lists to pages.
//!
//! Input is for the generation that the page names, or for the current generation if it names none.

#![expect(clippy::needless_pass_by_value, reason = "Tauri passes arguments to a command by value")]

use tauri::ipc::{Channel, Request, Response};
use tauri::{AppHandle, Runtime, Webview};

use crate::bridge::{Attach, PageChannel};
use crate::error::Error;
use crate::input::{WriteHeader, body, check_id};
use crate::js::JsExt;
use crate::scope::{PAGE_HEADER, Scope};
use crate::wire::{Attached, WatchMessage};

#[tauri::command]
pub(crate) async fn write_stdin<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
    data: String,
    generation: Option<u64>,
) -> Result<(), Error> {
    let js = app.js();
    js.require(&scope, &name)?;
    let stdin = js.stdin(&name, generation)?;
    let _waiting = js.writers.wait_to_write(scope.label(), &name, data.len())?;
    Ok(stdin.write(data).await?)
}

/// Writes the body to stdin, all or nothing. Returns the number of bytes in the stdin queue.
#[tauri::command]
pub(crate) fn write<R: Runtime>(
    webview: Webview<R>,
    scope: Scope,
    request: Request<'_>,
) -> Result<usize, Error> {
    let js = webview.js();
    // The body is parsed after the check of the scope.
    let WriteHeader { name, writer, seq, generation } = WriteHeader::parse(&request)?;
    js.require(&scope, &name)?;
    js.writers.once(
        webview.label(),
        &writer,
        seq,
        || Ok(js.stdin(&name, generation)?.try_write(body(request.body())?)?),
        || Ok(js.stdin_queued(&name)?),
    )
}

#[tauri::command]
pub(crate) async fn close_stdin<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
    generation: Option<u64>,
) -> Result<(), Error> {
    app.js().require(&scope, &name)?;
    app.js().stdin(&name, generation)?.close();
    Ok(())
}

/// Resolves when the stdin queue has room.
#[tauri::command]
pub(crate) async fn drain<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
    generation: Option<u64>,
) -> Result<(), Error> {
    let js = app.js();
    js.require(&scope, &name)?;
    let stdin = js.stdin(&name, generation)?;
    let _waiting = js.writers.wait_to_drain(scope.label())?;
    Ok(stdin.room().await?)
}

/// Attaches a page to a process. Runs on the main thread, so it comes before the notification that the calling
/// page was left.
///
/// `evaluated` is the id of a second Channel, for pages whose large messages are faster to evaluate than to
/// fetch.
#[tauri::command]
pub(crate) fn attach<R: Runtime>(
    webview: Webview<R>,
    scope: Scope,
    name: &str,
    channel: Channel<Response>,
    evaluated: Option<u32>,
    attachment: String,
    after: Option<u64>,
) -> Result<Attached, Error> {
    let js = webview.js();
    let channel = PageChannel::new(channel, evaluated, &webview);
    js.require(&scope, name)?;
    check_id("attachment", &attachment)?;
    let attach = Attach { channel, attachment, after };
    let start = js.bridges.attach(js.supervisor(), webview.label(), name, attach)?;
    Ok(Attached { process: js.get_status(name)?, next: start.next, fresh: start.fresh })
}

#[tauri::command]
pub(crate) fn ack<R: Runtime>(webview: Webview<R>, name: &str, attachment: String, seq: u64) {
    webview.js().bridges.ack(webview.label(), name, attachment, seq);
}

#[tauri::command]
pub(crate) fn detach<R: Runtime>(webview: Webview<R>, name: &str, attachment: String) {
    webview.js().bridges.detach(webview.label(), name, attachment);
}

/// Runs on the main thread for the same reason as `attach`.
#[tauri::command]
pub(crate) fn watch<R: Runtime>(
    webview: Webview<R>,
    scope: Scope,
    channel: Channel<WatchMessage>,
    usage_ms: Option<u64>,
) -> Result<(), Error> {
    let js = webview.js();
    let app = webview.clone();
    let may_see = Box::new(move |name: &str| scope.covers(name, app.js().is_declared(name)));
    js.watchers.watch(webview.label(), js.supervisor().clone(), channel, usage_ms, may_see)
}

#[tauri::command]
pub(crate) fn unwatch<R: Runtime>(webview: Webview<R>, channel: u32) {
    webview.js().watchers.unwatch(webview.label(), channel);
}

/// Records the scope of a window. The plugin itself calls it in the window's name, with the number of the page
/// in a header. Calls without the number have no effect.
#[tauri::command]
pub(crate) fn report_scope<R: Runtime>(webview: Webview<R>, scope: Scope, request: Request<'_>) {
    let page = request.headers().get(PAGE_HEADER).and_then(|page| page.to_str().ok()?.parse().ok());
    if let Some(page) = page {
        webview.js().window_scopes.record(page, &scope);
    }
}
