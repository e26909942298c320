//! The scope of each open window, for events: Tauri delivers them without a call from the window.
//!
//! Tauri resolves the scope of a window only when the window calls a command. The plugin therefore calls
//! `report_scope` in the name of each new window and page, and records the scope that comes with the call.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tauri::http::{HeaderMap, HeaderName, HeaderValue};
use tauri::ipc::{CallbackFn, InvokeBody, InvokeResponse};
use tauri::webview::InvokeRequest;
use tauri::{Manager, Runtime, Webview};
use tokio::sync::Notify;

use super::Scope;

/// The header with the number of a page.
pub(crate) const PAGE_HEADER: HeaderName = HeaderName::from_static("js-page");

/// How long an event waits for the scopes of new windows.
const SCOPE_TIMEOUT: Duration = Duration::from_secs(2);

/// The open windows and their scopes, by label. Clones share them.
pub(crate) struct WindowScopes<R: Runtime>(Arc<Shared<R>>);

struct Shared<R: Runtime> {
    windows: Mutex<HashMap<String, OpenWindow<R>>>,
    changed: Notify,
}

struct OpenWindow<R: Runtime> {
    webview: Webview<R>,
    /// The number of its page. A report about an earlier page is ignored.
    page: u64,
    /// `None` until `report_scope` was called; empty without permission for that command.
    scope: Option<Scope>,
}

impl<R: Runtime> Clone for WindowScopes<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: Runtime> Default for WindowScopes<R> {
    fn default() -> Self {
        Self(Arc::new(Shared { windows: Mutex::default(), changed: Notify::new() }))
    }
}

impl<R: Runtime> WindowScopes<R> {
    /// Requests the scope of a new window, or of a new page in a window. Returns at once: a plugin must not be
    /// called from its own hooks.
    pub(crate) fn request(&self, webview: &Webview<R>) {
        // The scope depends on the address, so the scope of the previous page is discarded.
        let page = self.add(webview.clone());
        let webview = webview.clone();
        let scopes = self.clone();
        tauri::async_runtime::spawn(async move {
            let label = webview.label().to_owned();
            // The command records the scope of an allowed call. A refused call has none.
            let respond = move |_, _, response, _, _| {
                if matches!(response, InvokeResponse::Err(_)) {
                    scopes.record(page, &Scope::empty(&label));
                }
            };
            // Without an address yet; the scope is requested again when the page starts to load.
            let Ok(url) = webview.url() else { return };
            let request = InvokeRequest {
                cmd: "plugin:js|report_scope".to_owned(),
                callback: CallbackFn(0),
                error: CallbackFn(1),
                url,
                body: InvokeBody::default(),
                headers: HeaderMap::from_iter([(PAGE_HEADER, HeaderValue::from(page))]),
                invoke_key: webview.app_handle().invoke_key().to_owned(),
            };
            webview.on_message(request, Box::new(respond));
        });
    }

    /// Adds a page without a scope. Returns its number.
    fn add(&self, webview: Webview<R>) -> u64 {
        static PAGES: AtomicU64 = AtomicU64::new(0);
        let page = PAGES.fetch_add(1, Ordering::Relaxed);
        let window = OpenWindow { webview, page, scope: None };
        self.lock().insert(window.webview.label().to_owned(), window);
        page
    }

    /// Records the scope of a page.
    pub(crate) fn record(&self, page: u64, scope: &Scope) {
        if let Some(window) =
            self.lock().get_mut(scope.label()).filter(|window| window.page == page)
        {
            window.scope = Some(scope.clone());
        }
        self.0.changed.notify_waiters();
    }

    /// The windows whose scope covers the process `name`, and whether these are all open windows.
    ///
    /// Waits up to [`SCOPE_TIMEOUT`] for missing scopes, so that new windows miss no events.
    pub(crate) async fn covering(&self, name: &str, is_declared: bool) -> (Vec<Webview<R>>, bool) {
        let all_known = async {
            loop {
                let changed = self.0.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if self.lock().values().all(|window| window.scope.is_some()) {
                    return;
                }
                changed.await;
            }
        };
        let is_known = tokio::time::timeout(SCOPE_TIMEOUT, all_known).await.is_ok();
        let mut windows = self.lock();
        if !is_known {
            // Later events do not wait again: a window that has not reported gets no events.
            for (label, window) in windows.iter_mut() {
                window.scope.get_or_insert_with(|| Scope::empty(label));
            }
        }
        let covers = |window: &&OpenWindow<R>| {
            window.scope.as_ref().is_some_and(|scope| scope.covers(name, is_declared))
        };
        let covering: Vec<_> =
            windows.values().filter(covers).map(|window| window.webview.clone()).collect();
        let is_all = covering.len() == windows.len();
        (covering, is_all)
    }

    /// Removes a closed window. Returns the labels of its webviews, which may differ from the window's.
    pub(crate) fn window_gone(&self, window: &str) -> Vec<String> {
        let mut gone = vec![window.to_owned()];
        self.lock().retain(|label, open| {
            let is_gone = label == window || open.webview.window().label() == window;
            if is_gone {
                gone.push(label.clone());
            }
            !is_gone
        });
        self.0.changed.notify_waiters();
        gone
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, OpenWindow<R>>> {
        self.0.windows.lock()
    }
}
