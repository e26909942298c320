//! What Tauri's web view does quicker than by requests, which are Tauri's way for commands and large messages.
//!
//! Measured in `WebKitGTK`: a message of the web view, answered by evaluating, takes little more than half as long
//! as a request, and a megabyte is evaluated in a third of the time in which it is fetched, as it is fetched in pieces of 8 KiB,
//! each by way of the main thread.

use tauri::utils::config::PatternKind;
use tauri::{Manager, Runtime, Webview};

/// Whether this is a system with `WebKitGTK`.
pub(crate) const IS_QUICKER: bool =
    cfg!(all(unix, not(target_vendor = "apple"), not(target_os = "android")));

/// What the messages of a page must say to be taken for commands, if there they are quicker.
///
/// It is Tauri's own key, which it keeps in a function of the page and sends along with each request. So it must
/// be told to nobody else than who has called a command with it. With the isolation pattern, messages
/// are encrypted besides, which is left to Tauri.
pub(crate) fn invoke_key<R: Runtime>(webview: &Webview<R>) -> Option<String> {
    let app = webview.app_handle();
    let is_isolated = matches!(app.config().app.security.pattern, PatternKind::Isolation { .. });
    (IS_QUICKER && !is_isolated).then(|| app.invoke_key().to_owned())
}
