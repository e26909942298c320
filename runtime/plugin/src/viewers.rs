//! Which processes each window may see, for events that nobody asked for.
//!
//! Tauri works out a window's scope only when the window calls a command. So the plugin calls `hear` in
//! the window's name as soon as there is one, and keeps the scope that comes along.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tauri::http::{HeaderMap, HeaderName, HeaderValue};
use tauri::ipc::{CallbackFn, InvokeBody, InvokeResponse};
use tauri::webview::InvokeRequest;
use tauri::{Manager, Runtime, Webview};
use tokio::sync::Notify;

use crate::js::JsExt;
use crate::scope::Rights;

/// The header that carries the number of a page.
pub(crate) const PAGE: HeaderName = HeaderName::from_static("js-page");

/// How long an event waits for a window whose rights are being found out.
const PATIENCE: Duration = Duration::from_secs(2);

/// The windows that there are, and what is known of each. One of which nothing is known sees nothing.
pub(crate) struct Viewers<R: Runtime> {
    windows: Mutex<HashMap<String, Viewer<R>>>,
    learnt: Notify,
}

struct Viewer<R: Runtime> {
    webview: Webview<R>,
    /// Which page of the window is meant: an answer may be about one that was left.
    page: u64,
    rights: Known,
}

/// What is known of a window's rights.
enum Known {
    /// It was asked, and has not answered.
    NotYet,
    /// It may hear of what these cover; without permission for the command that is nothing.
    Rights(Rights),
}

impl<R: Runtime> Default for Viewers<R> {
    fn default() -> Self {
        Self { windows: Mutex::default(), learnt: Notify::new() }
    }
}

impl<R: Runtime> Viewers<R> {
    /// There is a new window, or a new page in one: what it may do is not known yet. Returns the number
    /// of the page.
    fn add(&self, webview: Webview<R>) -> u64 {
        static PAGES: AtomicU64 = AtomicU64::new(0);
        let page = PAGES.fetch_add(1, Ordering::Relaxed);
        let viewer = Viewer { webview, page, rights: Known::NotYet };
        self.lock().insert(viewer.webview.label().to_owned(), viewer);
        page
    }

    /// Remembers what a page may hear of.
    pub(crate) fn remember(&self, page: u64, rights: &Rights) {
        if let Some(viewer) = self.lock().get_mut(rights.label()).filter(|known| known.page == page)
        {
            viewer.rights = Known::Rights(rights.clone());
        }
        self.learnt.notify_waiters();
    }

    /// The windows that may see the process called `name`, and whether these are all there are.
    ///
    /// Waits for windows that have just come: an event is neither lost for them, nor kept from others
    /// because of them.
    pub(crate) async fn of(&self, name: &str, is_declared: bool) -> (Vec<Webview<R>>, bool) {
        let settled = async {
            loop {
                let learnt = self.learnt.notified();
                tokio::pin!(learnt);
                learnt.as_mut().enable();
                if self.lock().values().all(|viewer| matches!(viewer.rights, Known::Rights(_))) {
                    return;
                }
                learnt.await;
            }
        };
        let is_settled = tokio::time::timeout(PATIENCE, settled).await.is_ok();
        let mut viewers = self.lock();
        if !is_settled {
            // One that stays silent hears nothing, and is not waited for again.
            for (label, viewer) in viewers.iter_mut() {
                if matches!(viewer.rights, Known::NotYet) {
                    viewer.rights = Known::Rights(Rights::none(label));
                }
            }
        }
        let may_see = |viewer: &&Viewer<R>| match &viewer.rights {
            Known::NotYet => false,
            Known::Rights(rights) => rights.covers(name, is_declared),
        };
        let allowed: Vec<_> =
            viewers.values().filter(may_see).map(|viewer| viewer.webview.clone()).collect();
        let is_all = allowed.len() == viewers.len();
        (allowed, is_all)
    }

    /// Forgets a window and returns the labels of what was in it: webviews may have names of their own.
    pub(crate) fn window_gone(&self, window: &str) -> Vec<String> {
        let mut gone = vec![window.to_owned()];
        self.lock().retain(|label, viewer| {
            let is_gone = label == window || viewer.webview.window().label() == window;
            if is_gone {
                gone.push(label.clone());
            }
            !is_gone
        });
        self.learnt.notify_waiters();
        gone
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Viewer<R>>> {
        self.windows.lock()
    }
}

/// Finds out what a window may see. Returns at once: plugins must not be called from their own hooks.
pub(crate) fn learn<R: Runtime>(webview: &Webview<R>) {
    // What it was allowed at its former address says nothing about this one.
    let page = webview.js().viewers.add(webview.clone());
    let webview = webview.clone();
    tauri::async_runtime::spawn(async move {
        let label = webview.label().to_owned();
        let app = webview.app_handle().clone();
        // The answer is of no interest, but a refusal is: no scope comes along with that.
        let answered = move |_, _, response, _, _| {
            if matches!(response, InvokeResponse::Err(_)) {
                app.js().viewers.remember(page, &Rights::none(&label));
            }
        };
        // A window without an address yet is asked about when its page begins to load.
        let Ok(url) = webview.url() else { return };
        let request = InvokeRequest {
            cmd: "plugin:js|hear".to_owned(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url,
            body: InvokeBody::default(),
            headers: HeaderMap::from_iter([(PAGE, HeaderValue::from(page))]),
            invoke_key: webview.app_handle().invoke_key().to_owned(),
        };
        // The command itself remembers the scope that it was called with.
        webview.on_message(request, Box::new(answered));
    });
}
