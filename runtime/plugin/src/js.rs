//! The plugin's state: what commands and Rust code call.

use std::collections::{BTreeMap, HashSet};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use js_runtime::{ProcessInfo, Runtime, RuntimeInfo, SpawnConfig, Supervisor};
use tauri::{AppHandle, Manager, Runtime as TauriRuntime};

use crate::bridge::Bridges;
use crate::config::{Config, Source};
use crate::error::Error;
use crate::paths;
use crate::scope::Rights;
use crate::started::{Start, Started};
use crate::viewers::Viewers;
use crate::watch::Watchers;
use crate::wire::{BackendInfo, Ensured};
use crate::write::Writers;

/// The processes of the app, for Rust. Rust is trusted: no capability is asked for.
///
/// Beside its own methods, which are those of `tauri-plugin-js`, it has all of [`Supervisor`]'s.
pub struct Js<R: TauriRuntime> {
    app: AppHandle<R>,
    supervisor: Arc<Supervisor>,
    config: Config,
    bundled: HashSet<String>,
    pub(crate) bridges: Bridges,
    pub(crate) watchers: Watchers,
    pub(crate) viewers: Viewers<R>,
    pub(crate) writers: Writers,
    started: Started,
}

/// Access to the processes from an app, its handle, a window or a webview.
pub trait JsExt<R: TauriRuntime> {
    /// The processes of the app.
    ///
    /// # Panics
    /// Before the plugin was set up.
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
    ) -> Self {
        Self {
            app,
            supervisor: Arc::new(supervisor),
            config,
            bundled,
            bridges: Bridges::default(),
            watchers: Watchers::default(),
            viewers: Viewers::default(),
            writers: Writers::default(),
            started: Started::default(),
        }
    }

    /// What runs the processes.
    #[must_use]
    pub fn supervisor(&self) -> &Arc<Supervisor> {
        &self.supervisor
    }

    /// Starts a process with a configuration of its own.
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
    /// When none is declared, or those of [`Supervisor::spawn`].
    pub async fn spawn_declared(&self, name: impl AsRef<str>) -> Result<ProcessInfo, Error> {
        let (_, config) = self.declared(name.as_ref())?;
        Ok(self.supervisor.spawn(name.as_ref(), config).await?)
    }

    /// Starts a process, or joins the live one of that name.
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

    /// Ends a process.
    ///
    /// # Errors
    /// Those of [`Supervisor::kill`].
    pub async fn kill(&self, name: impl AsRef<str>) -> Result<(), Error> {
        Ok(self.supervisor.kill(name.as_ref()).await?)
    }

    /// Ends a process if it lives, and starts it again.
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
    /// When there is none of that name.
    pub fn get_status(&self, name: impl AsRef<str>) -> Result<ProcessInfo, Error> {
        Ok(self.supervisor.status(name.as_ref())?)
    }

    /// Writes to a process's stdin, exactly as given.
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

    /// Which runtimes there are, the embedded engine first.
    ///
    /// # Errors
    /// After the app has begun to end.
    pub async fn detect_runtimes(&self) -> Result<Vec<RuntimeInfo>, Error> {
        Ok(self.supervisor.detect_runtimes().await?)
    }

    /// Which executable to use for a runtime; an empty path goes back to looking for it.
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

    pub(crate) fn script_root(&self) -> Option<&str> {
        self.config.script_root.as_deref()
    }

    pub(crate) fn is_declared(&self, name: &str) -> bool {
        self.config.backends.contains_key(name)
    }

    /// Whether a window may use its command on a process; the error says what its capability lacks.
    pub(crate) fn require(&self, rights: &Rights, name: &str) -> Result<(), Error> {
        rights.require(name, self.is_declared(name))
    }

    /// Lets a window start a process, unless it has too many. What comes back is held until the start is over.
    /// `joins` says that a live process of that name is as good.
    pub(crate) fn begin_start(
        &self,
        rights: &Rights,
        name: &str,
        joins: bool,
    ) -> Result<Start<'_>, Error> {
        let most = self.config.max_processes_per_window();
        self.started.begin(&self.supervisor, rights.label(), name, most, joins)
    }

    pub(crate) fn is_bundled(&self, module: &str) -> bool {
        self.bundled.contains(module)
    }

    /// What a declared backend runs here, and how.
    pub(crate) fn declared(&self, name: &str) -> Result<(Source, SpawnConfig), Error> {
        let backend = self.config.backends.get(name).ok_or_else(|| not_declared(name))?;
        let mut sources = backend.sources();
        // A sidecar may be missing, as in a development build; whatever else is given stands in.
        let is_there = |source: &Source| match source {
            Source::Sidecar(sidecar) => js_runtime::find_sidecar(sidecar).is_ok(),
            _ => true,
        };
        let first = sources.iter().position(is_there).unwrap_or(0);
        let source = sources.swap_remove(first);
        let path = |path: &str| {
            let path = paths::resolve(&self.app, Some(path))?;
            path.into_os_string().into_string().map_err(|path| {
                Error::invalid(format!("the path '{}' is not UTF-8", path.display()))
            })
        };
        let config = backend.config(source.clone(), &self.config.defaults, path)?;
        Ok((source, config))
    }

    /// Declared backends for which `may_see` holds. One whose folders are not there is listed as it is
    /// declared: what is wrong is told when it is started.
    pub(crate) fn backends(&self, may_see: impl Fn(&str) -> bool) -> Vec<BackendInfo> {
        let visible = self.config.backends.iter().filter(|(name, _)| may_see(name));
        visible
            .filter_map(|(name, backend)| {
                let as_declared = || {
                    let source = backend.sources().into_iter().next()?;
                    let path = |path: &str| Ok(path.to_owned());
                    let config = backend.config(source.clone(), &self.config.defaults, path);
                    Some((source, config.ok()?))
                };
                let (source, config) = self.declared(name).ok().or_else(as_declared)?;
                Some(BackendInfo::new(name, backend, source, config))
            })
            .collect()
    }

    /// Starts a process, or joins the live one of that name.
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
         give a configuration"
    ))
}
