//! Commands that carry input to processes, and output to pages.
//!
//! Input is for the generation that the page names; without one, for the generation that it meets.

#![expect(clippy::needless_pass_by_value, reason = "Tauri gives a command its arguments for good")]

use tauri::ipc::{Channel, Request, Response};
use tauri::{AppHandle, Runtime, Webview};

use crate::bridge::{Attach, PageChannel};
use crate::error::Error;
use crate::js::JsExt;
use crate::scope::Rights;
use crate::viewers::PAGE;
use crate::wire::{Attached, WatchMessage};
use crate::write::{Head, body, check_id};

#[tauri::command]
pub(crate) async fn write_stdin<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
    name: String,
    data: String,
    generation: Option<u64>,
) -> Result<(), Error> {
    let js = app.js();
    js.require(&rights, &name)?;
    let stdin = js.stdin(&name, generation)?;
    let _waiting = js.writers.wait(rights.label(), &name, data.len())?;
    Ok(stdin.write(data).await?)
}

/// Takes the body as it is, all or nothing, and answers with the bytes that wait in stdin.
#[tauri::command]
pub(crate) fn write<R: Runtime>(
    webview: Webview<R>,
    rights: Rights,
    request: Request<'_>,
) -> Result<usize, Error> {
    let js = webview.js();
    // What the body holds is looked at only for those who may write it.
    let Head { name, writer, seq, generation } = Head::parse(&request)?;
    js.require(&rights, &name)?;
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
    rights: Rights,
    name: String,
    generation: Option<u64>,
) -> Result<(), Error> {
    app.js().require(&rights, &name)?;
    app.js().stdin(&name, generation)?.close();
    Ok(())
}

/// Answers when stdin takes more.
#[tauri::command]
pub(crate) async fn drain<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
    name: String,
    generation: Option<u64>,
) -> Result<(), Error> {
    let js = app.js();
    js.require(&rights, &name)?;
    let stdin = js.stdin(&name, generation)?;
    let _waiting = js.writers.wait_for_room(rights.label())?;
    Ok(stdin.room().await?)
}

/// On the main thread, so that it comes before the news that the page which asked was left.
///
/// `evaluated` is the number of a second Channel, for a page that can do without the first one's fetches.
#[tauri::command]
pub(crate) fn attach<R: Runtime>(
    webview: Webview<R>,
    rights: Rights,
    name: &str,
    channel: Channel<Response>,
    evaluated: Option<u32>,
    attachment: String,
    after: Option<u64>,
) -> Result<Attached, Error> {
    let js = webview.js();
    let channel = PageChannel::new(channel, evaluated, &webview);
    js.require(&rights, name)?;
    check_id("attachment", &attachment)?;
    let attach = Attach { channel, attachment, after };
    let begin = js.bridges.attach(js.supervisor(), webview.label(), name, attach)?;
    Ok(Attached { process: js.get_status(name)?, next: begin.next, fresh: begin.fresh })
}

#[tauri::command]
pub(crate) fn ack<R: Runtime>(webview: Webview<R>, name: &str, attachment: String, seq: u64) {
    webview.js().bridges.ack(webview.label(), name, attachment, seq);
}

#[tauri::command]
pub(crate) fn detach<R: Runtime>(webview: Webview<R>, name: &str, attachment: String) {
    webview.js().bridges.detach(webview.label(), name, attachment);
}

/// On the main thread for the same reason as `attach`.
#[tauri::command]
pub(crate) fn watch<R: Runtime>(
    webview: Webview<R>,
    rights: Rights,
    channel: Channel<WatchMessage>,
    usage_ms: Option<u64>,
) -> Result<(), Error> {
    let js = webview.js();
    let app = webview.clone();
    let may_see = Box::new(move |name: &str| rights.covers(name, app.js().is_declared(name)));
    js.watchers.watch(webview.label(), js.supervisor().clone(), channel, usage_ms, may_see)
}

#[tauri::command]
pub(crate) fn unwatch<R: Runtime>(webview: Webview<R>, channel: u32) {
    webview.js().watchers.unwatch(webview.label(), channel);
}

/// Called by the plugin in a window's name: what the window may hear of. The number of the page is the
/// plugin's own, and a page that calls it without is not listened to.
#[tauri::command]
pub(crate) fn hear<R: Runtime>(webview: Webview<R>, rights: Rights, request: Request<'_>) {
    let page = request.headers().get(PAGE).and_then(|page| page.to_str().ok()?.parse().ok());
    if let Some(page) = page {
        webview.js().viewers.remember(page, &rights);
    }
}
