//! The web view's own message with a reply, without Tauri: the least that a page's round trip can take. The handler
//! `reply` answers each message with the message.

use tauri::Manager;
use webkit2gtk::glib::prelude::*;
use webkit2gtk::glib::translate::ToGlibPtr;
use webkit2gtk::glib::{self, Value};
use webkit2gtk::{WebViewExt, ffi};

/// Adds the handler to the main window.
pub(crate) fn install(app: &tauri::App) -> tauri::Result<()> {
    let Some(window) = app.get_webview_window("main") else { return Ok(()) };
    window.with_webview(|webview| {
        let Some(manager) = webview.inner().user_content_manager() else { return };
        manager.connect_local("script-message-with-reply-received::reply", false, answer);
        // SAFETY: `manager` lives until the end of this function, the name has a terminator, and the null pointer
        // stands for the world of the page's scripts.
        unsafe {
            ffi::webkit_user_content_manager_register_script_message_handler_with_reply(
                manager.as_ptr(),
                c"reply".as_ptr(),
                std::ptr::null(),
            );
        }
    })
}

/// Answers a message. The arguments of the signal are the manager, the message and the reply.
fn answer(arguments: &[Value]) -> Option<Value> {
    let [_, message, reply] = arguments else { return None };
    let message: glib::Object = message.get().ok()?;
    // SAFETY: WebKit's signal has a `JSCValue` and a `WebKitScriptMessageReply`, both of which `arguments` keeps alive
    // during this call. `webkit_script_message_reply_return_value` takes a reference of its own.
    unsafe {
        let reply = glib::gobject_ffi::g_value_get_boxed(reply.to_glib_none().0);
        ffi::webkit_script_message_reply_return_value(reply.cast(), message.as_ptr().cast());
    }
    Some(true.to_value())
}
