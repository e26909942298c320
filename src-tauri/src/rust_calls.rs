//! Calls between the app's Rust code and its backends, in both directions. `backends/shared-api.ts` has the same
//! types.

use serde::{Deserialize, Serialize};
use tauri::ipc::Channel;
use tauri::{AppHandle, Context, Wry};
use tauri_plugin_js::rpc::Failure;
use tauri_plugin_js::{Builder, Error, JsExt};

/// The app. A backend gets it with `appInfo`.
#[derive(Clone, Serialize)]
pub(crate) struct AppInfo {
    name: String,
    version: String,
    identifier: String,
    tauri: &'static str,
}

impl AppInfo {
    pub(crate) fn of(context: &Context<Wry>) -> Self {
        let package = context.package_info();
        Self {
            name: package.name.clone(),
            version: package.version.to_string(),
            identifier: context.config().identifier.clone(),
            tauri: tauri::VERSION,
        }
    }
}

/// Adds the functions that backends may call.
pub(crate) fn expose(builder: Builder, app: AppInfo) -> Builder {
    builder.expose("appInfo", move || {
        let app = app.clone();
        async move { Ok::<_, Failure>(app) }
    })
}

/// An item of the backend's stream: `found` primes are below `checked`.
#[derive(Serialize, Deserialize)]
pub(crate) struct PrimeCount {
    checked: u32,
    found: u32,
}

/// The runtime of a backend.
#[derive(Serialize, Deserialize)]
pub(crate) struct SystemInfo {
    runtime: String,
    version: String,
}

/// The result of [`count_primes`].
#[derive(Serialize)]
pub(crate) struct Counted {
    system: SystemInfo,
    found: u32,
}

/// Lets a backend count the primes below `limit`, and sends the intermediate counts to the page.
///
/// Rust code needs no capability for its calls. This command decides what a page can call by it.
#[tauri::command]
pub(crate) async fn count_primes(
    app: AppHandle<Wry>,
    name: String,
    limit: u32,
    on_progress: Channel<PrimeCount>,
) -> Result<Counted, Error> {
    let backend = app.js().connect(&name).await?;
    let system = backend.call("getSystemInfo", ()).await?;
    let mut counts = backend.stream::<PrimeCount>("countPrimes", (limit,)).await?;
    let mut found = 0;
    while let Some(count) = counts.next().await {
        let count = count?;
        found = count.found;
        // The page has gone. The backend stops counting when `counts` is dropped.
        if on_progress.send(count).is_err() {
            break;
        }
    }
    Ok(Counted { system, found })
}
