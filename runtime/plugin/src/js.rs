//! The plugin's state, and the API for Rust code.

use std::collections::{BTreeMap, HashSet};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use js_runtime::rpc::Remote;
use js_runtime::{ProcessInfo, Runtime, RuntimeInfo, SpawnConfig, Supervisor};
use tauri::{AppHandle, Manager, Runtime as TauriRuntime};

use crate::bridge::{Bridges, Watchers};
use crate::config::paths::ScriptRoot;
use crate::config::{Config, Source};
use crate::connections::{Connection, Connections};
use crate::error::Error;
use crate::input::Writers;
use crate::scope::{ProcessQuota, Scope, StartPermit, WindowScopes};
use crate::wire::{BackendInfo, Ensured};

/// The processes of the app, for Rust. Capabilities do not apply: Rust code is trusted.
///
/// Its own methods are those of `tauri-plugin-js`. It dereferences to [`Supervisor`].
pub struct Js<R: TauriRuntime> {
    app: AppHandle<R>,
    supervisor: Arc<Supervisor>,
    config: Config,
    bundled: HashSet<String>,
    pub(crate) bridges: Bridges,
    pub(crate) watchers: Watchers,
    pub(crate) window_scopes: WindowScopes<R>,
    pub(crate) writers: Writers,
    pub(crate) connections: Arc<Connections>,
    quota: ProcessQuota,
}

/// Access to the processes from an app, its handle, a window or a webview.
pub trait JsExt<R: TauriRuntime> {
    /// The processes of the app.
    ///
    /// # Panics
    /// If the plugin is not set up yet.
    fn js(&self) -> &Js<R>;
}

impl<R: TauriRuntime, T: Manager<R>> JsExt<R> for T {
    fn js(&self) -> &Js<R> {
        self.state::<Js<R>>().inner()
    }
}

impl<R: TauriRuntime> Deref for Js<R> {
    type Target = Supervisor;

    fn deref(&self) -> &Supervisor {
        &self.supervisor
    }
}

impl<R: TauriRuntime> Js<R> {
    pub(crate) fn new(
        app: AppHandle<R>,
        supervisor: Supervisor,
        config: Config,
        bundled: HashSet<String>,
        connections: Arc<Connections>,
    ) -> Self {
        Self {
            app,
            supervisor: Arc::new(supervisor),
            config,
            bundled,
            bridges: Bridges::default(),
            watchers: Watchers::default(),
            window_scopes: WindowScopes::default(),
            writers: Writers::default(),
            connections,
            quota: ProcessQuota::default(),
        }
    }

    /// Ends the RPC connections of the windows for which `is_gone` is true.
    pub(crate) fn connections_gone(&self, is_gone: impl Fn(&str) -> bool) {
        self.end_connections(self.connections.take_gone(is_gone));
    }

    /// Writes the last lines of connections to their processes.
    pub(crate) fn end_connections(&self, ended: impl IntoIterator<Item = Connection>) {
        for Connection { name, generation, last_line, .. } in ended {
            let Ok(stdin) = self.stdin(&name, Some(generation)) else { continue };
            // Fails if the generation ends before its stdin has room.
            tauri::async_runtime::spawn(async move { stdin.write(last_line).await });
        }
    }

    /// The supervisor of all processes.
    #[must_use]
    pub fn supervisor(&self) -> &Arc<Supervisor> {
        &self.supervisor
    }

    /// Starts a process. The app's `defaults` fill the missing fields of `config`.
    ///
    /// # Errors
    /// Those of [`Supervisor::spawn`].
    pub async fn spawn(
        &self,
        name: impl AsRef<str>,
        config: SpawnConfig,
    ) -> Result<ProcessInfo, Error> {
        Ok(self.supervisor.spawn(name.as_ref(), self.config.defaults.fill(config)).await?)
    }

    /// Starts the backend declared as `name`.
    ///
    /// # Errors
    /// If none is declared, and those of [`Supervisor::spawn`].
    pub async fn spawn_declared(&self, name: impl AsRef<str>) -> Result<ProcessInfo, Error> {
        let (_, config) = self.declared(name.as_ref())?;
        Ok(self.supervisor.spawn(name.as_ref(), config).await?)
    }

    /// Starts a process, or joins the live process of that name.
    ///
    /// # Errors
    /// Those of [`Supervisor::ensure`].
    pub async fn ensure(
        &self,
        name: impl AsRef<str>,
        config: SpawnConfig,
    ) -> Result<ProcessInfo, Error> {
        Ok(self.supervisor.ensure(name.as_ref(), self.config.defaults.fill(config)).await?)
    }

    /// Connects to a process that runs `serve` of `tauri-plugin-js-api/backend`, or kkrpc. Starts a declared backend
    /// that does not run. The connection survives restarts.
    ///
    /// ```no_run
    /// use tauri_plugin_js::JsExt;
    ///
    /// #[tauri::command]
    /// async fn add(app: tauri::AppHandle, a: f64, b: f64) -> Result<f64, tauri_plugin_js::Error> {
    ///     let math = app.js().connect("math").await?;
    ///     Ok(math.call("add", (a, b)).await?)
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`Supervisor::connect`], and of [`Js::spawn_declared`].
    pub async fn connect(&self, name: impl AsRef<str>) -> Result<Remote, Error> {
        let name = name.as_ref();
        if self.is_declared(name) && !self.supervisor.is_live(name) {
            let (_, config) = self.declared(name)?;
            self.supervisor.ensure(name, config).await?;
        }
        Ok(self.supervisor.connect(name)?)
    }

    /// Kills a process.
    ///
    /// # Errors
    /// Those of [`Supervisor::kill`].
    pub async fn kill(&self, name: impl AsRef<str>) -> Result<(), Error> {
        Ok(self.supervisor.kill(name.as_ref()).await?)
    }

    /// Kills a process if it is live, and starts it again. Without a `config` it is started as before.
    ///
    /// # Errors
    /// Those of [`Supervisor::restart`].
    pub async fn restart(
        &self,
        name: impl AsRef<str>,
        config: Option<SpawnConfig>,
    ) -> Result<ProcessInfo, Error> {
        let config = config.map(|config| self.config.defaults.fill(config));
        Ok(self.supervisor.restart(name.as_ref(), config).await?)
    }

    /// All processes, live and exited.
    #[must_use]
    pub fn list_processes(&self) -> Vec<ProcessInfo> {
        self.supervisor.list()
    }

    /// One process, live or exited.
    ///
    /// # Errors
    /// If no process has that name.
    pub fn get_status(&self, name: impl AsRef<str>) -> Result<ProcessInfo, Error> {
        Ok(self.supervisor.status(name.as_ref())?)
    }

    /// Writes to the stdin of a process. Adds no newline.
    ///
    /// # Errors
    /// Those of [`Supervisor::write_stdin`].
    pub async fn write_stdin(
        &self,
        name: impl AsRef<str>,
        data: impl Into<Bytes>,
    ) -> Result<(), Error> {
        Ok(self.supervisor.write_stdin(name.as_ref(), data).await?)
    }

    /// Detects the runtimes of this machine, the embedded engine first.
    ///
    /// # Errors
    /// If the app is exiting.
    pub async fn detect_runtimes(&self) -> Result<Vec<RuntimeInfo>, Error> {
        Ok(self.supervisor.detect_runtimes().await?)
    }

    /// Sets the executable of a runtime. An empty path restores detection.
    ///
    /// # Errors
    /// Those of [`Supervisor::set_runtime_path`].
    pub fn set_runtime_path(
        &self,
        runtime: Runtime,
        path: impl Into<PathBuf>,
    ) -> Result<(), Error> {
        let path = Some(path.into()).filter(|path| !path.as_os_str().is_empty());
        Ok(self.supervisor.set_runtime_path(runtime, path)?)
    }

    /// The executables that were set, by runtime.
    #[must_use]
    pub fn get_runtime_paths(&self) -> BTreeMap<String, PathBuf> {
        self.supervisor.runtime_paths()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn is_declared(&self, name: &str) -> bool {
        self.config.backends.contains_key(name)
    }

    /// Checks that a window may use its command on a process. The error says what its capability lacks.
    pub(crate) fn require(&self, scope: &Scope, name: &str) -> Result<(), Error> {
        scope.require(name, self.is_declared(name))
    }

    /// Reserves a place in the window's quota, until the permit is dropped. With `joins`, the caller also
    /// accepts a live process of that name, which needs no place.
    pub(crate) fn permit_start(
        &self,
        scope: &Scope,
        name: &str,
        joins: bool,
    ) -> Result<StartPermit<'_>, Error> {
        let limit = self.config.max_processes_per_window();
        self.quota.reserve(&self.supervisor, scope.label(), name, limit, joins)
    }

    pub(crate) fn is_bundled(&self, module: &str) -> bool {
        self.bundled.contains(module)
    }

    /// The source of a declared backend on this machine, and its configuration.
    pub(crate) fn declared(&self, name: &str) -> Result<(Source, SpawnConfig), Error> {
        let backend = self.config.backends.get(name).ok_or_else(|| not_declared(name))?;
        let mut sources = backend.sources();
        // A development build may lack the sidecar; then the next source replaces it.
        let exists = |source: &Source| match source {
            Source::Sidecar(sidecar) => js_runtime::find_sidecar(sidecar).is_ok(),
            _ => true,
        };
        let first = sources.iter().position(exists).unwrap_or(0);
        let source = sources.swap_remove(first);
        let script_root = self.app.state::<ScriptRoot>();
        let resolve = |path: &str| {
            let path = script_root.resolve(&self.app, Some(path))?;
            path.into_os_string().into_string().map_err(|path| {
                Error::invalid(format!("the path '{}' is not UTF-8", path.display()))
            })
        };
        let config = backend.config(source.clone(), &self.config.defaults, resolve)?;
        Ok((source, config))
    }

    /// Declared backends for which `may_see` returns true. If the paths of a backend cannot be resolved, it is
    /// listed with the paths as declared; a start reports the error.
    pub(crate) fn backends(&self, may_see: impl Fn(&str) -> bool) -> Vec<BackendInfo> {
        let visible = self.config.backends.iter().filter(|(name, _)| may_see(name));
        visible
            .filter_map(|(name, backend)| {
                let as_declared = || {
                    let source = backend.sources().into_iter().next()?;
                    let unresolved = |path: &str| Ok(path.to_owned());
                    let config = backend.config(source.clone(), &self.config.defaults, unresolved);
                    Some((source, config.ok()?))
                };
                let (source, config) = self.declared(name).ok().or_else(as_declared)?;
                Some(BackendInfo::new(name, backend, source, config))
            })
            .collect()
    }

    /// Starts a process, or joins the live process of that name.
    pub(crate) async fn ensure_process(
        &self,
        name: &str,
        config: SpawnConfig,
    ) -> Result<Ensured, Error> {
        let (process, started) = self.supervisor.ensure_started(name, config).await?;
        Ok(Ensured { process, started })
    }
}

fn not_declared(name: &str) -> Error {
    let name: String = name.chars().take(64).collect();
    Error::invalid(format!(
        "no backend '{name}' is declared in tauri.conf.json > plugins > js > backends; declare it, or \
         pass a configuration"
    ))
}
