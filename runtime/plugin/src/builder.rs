//! Set-up of the plugin, and its reactions to windows, pages and the exit of the app.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use js_runtime::Supervisor;
use js_runtime::rpc::Handler;
use tauri::plugin::{self, TauriPlugin};
use tauri::webview::PageLoadEvent;
use tauri::{AppHandle, Manager, RunEvent, Runtime, Webview, WindowEvent};

use crate::config::Config;
use crate::config::paths::ScriptRoot;
use crate::connections::Connections;
use crate::js::{Js, JsExt};
use crate::{commands, events};

/// How long the exit of the app waits for its processes. More than any kill grace; a process that survives
/// a forced kill does not hold the app.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// The plugin with default settings.
#[must_use]
pub fn init<R: Runtime>() -> TauriPlugin<R, Option<Config>> {
    Builder::new().build()
}

/// Settings that cannot be expressed in `tauri.conf.json`.
///
/// ```no_run
/// # fn add<R: tauri::Runtime>(builder: tauri::Builder<R>) -> tauri::Builder<R> {
/// builder.plugin(tauri_plugin_js::Builder::new().bundle("math", "console.error('ready')").build())
/// # }
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    bundled: HashMap<String, Arc<str>>,
    config: Option<Config>,
    exposed: Vec<Expose>,
}

/// Exposes one function.
type Expose = Box<dyn FnOnce(js_runtime::Builder) -> js_runtime::Builder + Send>;

impl Builder {
    /// Default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Embeds a self-contained ES module in the app as the script `name`, for any runtime:
    /// `.bundle("worker", include_str!("../dist/worker.js"))`. A bundled module takes precedence over a
    /// file of the same name.
    pub fn bundle(mut self, name: impl Into<String>, source: impl Into<Arc<str>>) -> Self {
        self.bundled.insert(name.into(), source.into());
        self
    }

    /// Replaces the configuration in `tauri.conf.json`.
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// Lets declared backends call an async function as `name`. It runs on Tauri's async runtime. A window that starts
    /// other code under the name of a declared backend gives that code the function too.
    ///
    /// ```no_run
    /// use tauri_plugin_js::rpc::Failure;
    ///
    /// # fn add<R: tauri::Runtime>(builder: tauri::Builder<R>) -> tauri::Builder<R> {
    /// let plugin = tauri_plugin_js::Builder::new()
    ///     .expose("greet", |name: String| async move { Ok::<_, Failure>(format!("Hello {name}")) });
    /// builder.plugin(plugin.build())
    /// # }
    /// ```
    ///
    /// In the backend: `serve<Host>(api).remote.greet('you')`. A window that offers a function of the same name by
    /// `connect` answers in place of Rust.
    pub fn expose<Args: 'static>(
        mut self,
        name: impl Into<String>,
        function: impl Handler<Args>,
    ) -> Self {
        let name = name.into();
        self.exposed.push(Box::new(move |builder| builder.expose(name, function)));
        self
    }

    /// Builds the plugin.
    #[must_use]
    pub fn build<R: Runtime>(self) -> TauriPlugin<R, Option<Config>> {
        plugin::Builder::<R, Option<Config>>::new("js")
            .invoke_handler(commands::handler())
            .setup(move |app, api| {
                let config = self.config.or_else(|| api.config().clone()).unwrap_or_default();
                setup(app, self.bundled, config, self.exposed)?;
                Ok(())
            })
            .on_webview_ready(|webview| request_scope(&webview))
            .on_page_load(|webview, payload| {
                if payload.event() == PageLoadEvent::Started {
                    webview.js().bridges.page_gone(webview.label());
                    webview.js().watchers.page_gone(webview.label());
                    webview.js().connections_gone(|label| label == webview.label());
                    request_scope(webview);
                }
            })
            .on_event(on_event)
            .build()
    }
}

fn request_scope<R: Runtime>(webview: &Webview<R>) {
    webview.js().window_scopes.request(webview);
}

fn setup<R: Runtime>(
    app: &AppHandle<R>,
    bundled: HashMap<String, Arc<str>>,
    config: Config,
    exposed: Vec<Expose>,
) -> Result<(), crate::Error> {
    for (name, backend) in &config.backends {
        backend.check(name, |module| bundled.contains_key(module))?;
    }
    let names = bundled.keys().cloned().collect();
    let mut builder = Supervisor::builder().max_processes(config.max_processes());
    if let Some(folder) = bundle_dir(app) {
        builder = builder.bundle_dir(folder);
    }
    for (name, source) in bundled {
        builder = builder.bundle(name, source);
    }
    if let Some(count) = config.warm_isolates {
        builder = builder.warm_isolates(count);
    }
    if let Some(spins) = config.spin {
        builder = builder.spin(spins);
    }
    let connections = Arc::new(Connections::default());
    let claims = connections.clone();
    builder = builder
        .expose_to(config.backends.keys().cloned())
        .spawn_exposed_with(|task| drop(tauri::async_runtime::spawn(task)))
        .claim_requests(move |name, generation, request| {
            claims.claim_for_rust(name, generation, request)
        });
    for expose in exposed {
        builder = expose(builder);
    }
    let supervisor = builder.build()?;
    // One tauri.conf.json serves builds with and without the engine.
    if js_runtime::embedded_version().is_some()
        && let Some(limits) = config.limits_to_prepare_for()
    {
        supervisor.warm_up(Some(limits))?;
    }
    let autostart: Vec<String> = config
        .backends
        .iter()
        .filter(|(_, backend)| backend.autostart)
        .map(|(name, _)| name.clone())
        .collect();
    let send_events = config.events.unwrap_or(true);
    app.manage(ScriptRoot(config.script_root.clone()));
    app.manage(Js::new(app.clone(), supervisor, config, names, connections));
    // Windows from before the plugin's set-up.
    for window in app.webview_windows().values() {
        request_scope(window.as_ref());
    }
    if send_events {
        tauri::async_runtime::spawn(events::run(app.clone()));
    }
    for name in autostart {
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            // The entry stays listed with the reason of the failure.
            if let Err(error) = app.js().spawn_declared(&name).await {
                report_failed_start(&app, &name, &error);
            }
        });
    }
    Ok(())
}

/// Prints to stderr that a backend with `autostart` failed to start: no caller receives the error.
fn report_failed_start<R: Runtime>(app: &AppHandle<R>, name: &str, error: &crate::Error) {
    let app = &app.package_info().name;
    #[expect(clippy::print_stderr, reason = "a plugin has no log of its own")]
    {
        eprintln!("{app}: the backend '{name}' could not be started: {error}");
    }
}

/// The folder of bundled modules for child runtimes. It is the app's cache folder: an app that is killed
/// leaves nothing in the system's temporary folder.
fn bundle_dir<R: Runtime>(app: &AppHandle<R>) -> Option<PathBuf> {
    let identifier = &app.config().identifier;
    if identifier.is_empty() {
        return None;
    }
    Some(app.path().app_cache_dir().ok()?.join("js-backends"))
}

fn on_event<R: Runtime>(app: &AppHandle<R>, event: &RunEvent) {
    match event {
        RunEvent::WindowEvent { label, event: WindowEvent::Destroyed, .. } => {
            let js = app.js();
            let labels = js.window_scopes.window_gone(label);
            let is_gone = |label: &str| labels.iter().any(|gone| gone == label);
            js.bridges.windows_gone(is_gone);
            js.watchers.windows_gone(is_gone);
            js.writers.windows_gone(is_gone);
            js.connections_gone(is_gone);
        }
        RunEvent::Exit => {
            let supervisor = app.js().supervisor().clone();
            let (done, is_done) = mpsc::channel();
            // This thread may be inside a Tokio runtime already, and Tauri's runtime may be busy.
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime.map(|runtime| runtime.block_on(supervisor.shutdown())).ok();
                // Fails after the timeout below.
                let _ = done.send(());
            });
            // A timeout is ignored: the app is exiting.
            let _ = is_done.recv_timeout(SHUTDOWN_TIMEOUT);
        }
        _ => {}
    }
}
