//! Finds Deno, Bun and Node on this machine.
//!
//! An application started from a desktop does not have the `PATH` of the user's terminal. So this module also searches
//! the login shell's `PATH` and the usual folders of installers, in a fixed order, and caches the result.
//! [`Detector::find`] starts no runtime, because starts of processes wait for it; only [`Detector::detect_all`] starts
//! runtimes, for their versions.

mod detections;
mod login;
mod places;
mod probe;

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Mutex, MutexGuard};

use self::detections::Detections;
use self::login::LoginPath;
use crate::error::Error;
use crate::wire::{Runtime, RuntimeInfo};

/// Finds runtimes and caches the results. Clones share one cache.
#[derive(Debug, Clone, Default)]
pub(crate) struct Detector {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    known: Mutex<Known>,
    login: LoginPath,
    detections: Detections,
    /// Blocks the next access to the file system.
    #[cfg(test)]
    gate: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
}

#[derive(Debug, Default)]
struct Known {
    overrides: BTreeMap<Runtime, PathBuf>,
    found: BTreeMap<Runtime, PathBuf>,
    /// By executable, with its modification time: an update in place invalidates the entry.
    versions: HashMap<PathBuf, (Option<SystemTime>, String)>,
}

/// The executable of a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Absolute.
    pub path: PathBuf,
    /// `None` until [`Detector::detect_all`] has determined it.
    pub version: Option<String>,
}

impl Detector {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Sets the path of `runtime`; `None` restores the search. A path that is not an executable file is an error and
    /// changes nothing.
    pub(crate) fn set_path(&self, runtime: Runtime, path: Option<PathBuf>) -> Result<(), Error> {
        if !matches!(runtime, Runtime::Deno | Runtime::Bun | Runtime::Node) {
            return Err(Error::InvalidConfig(format!(
                "no path can be set for runtime {runtime} (only for deno, bun and node)"
            )));
        }
        let Some(path) = path else {
            let mut known = self.known();
            known.overrides.remove(&runtime);
            known.found.remove(&runtime);
            return Ok(());
        };
        let refused = |source| Error::Path { what: "runtime path", path: path.clone(), source };
        // Children run in other folders, where a relative path would be another file.
        let absolute = std::path::absolute(&path).map_err(refused)?;
        executable(&absolute).map_err(refused)?;
        let mut known = self.known();
        known.versions.remove(&absolute);
        known.found.remove(&runtime);
        known.overrides.insert(runtime, absolute);
        Ok(())
    }

    /// The paths that were set, by name of the runtime.
    pub(crate) fn paths(&self) -> BTreeMap<String, PathBuf> {
        let known = self.known();
        known.overrides.iter().map(|(name, path)| (name.to_string(), path.clone())).collect()
    }

    /// Finds `runtime` without starting it.
    pub(crate) async fn find(&self, runtime: Runtime) -> Result<Found, Error> {
        let path = self.locate(runtime).await?;
        let version = self.known_version(&path).await;
        Ok(Found { path, version })
    }

    /// The path of `runtime` if it is set, cached or on `PATH`.
    #[cfg(feature = "embedded")]
    pub(crate) fn on_path(&self, runtime: Runtime) -> Option<PathBuf> {
        let known = {
            let known = self.known();
            known.overrides.get(&runtime).or_else(|| known.found.get(&runtime)).cloned()
        };
        if let Some(path) = known {
            return executable(&path).is_ok().then_some(path);
        }
        search(runtime.as_str(), &std::env::var_os("PATH")?)
    }

    /// The version of the runtime at `path`. Starts the runtime unless its version is cached.
    #[cfg(not(feature = "embedded"))]
    pub(crate) async fn version(&self, path: &Path) -> Option<String> {
        match self.known_version(path).await {
            Some(version) => Some(version),
            None => self.ask_version(path).await,
        }
    }

    /// Finds the program of `SpawnConfig::command`. A bare name is searched like a runtime; a path is relative to `cwd`
    /// on every system.
    pub(crate) async fn program(&self, command: &str, cwd: &Path) -> Result<PathBuf, Error> {
        let failed = |path, source| Error::Path { what: "command", path, source };
        if command.contains(std::path::is_separator) {
            let path = cwd.join(command);
            let found = self.ask_system(move || program_at(path));
            return found.await?.map_err(|(path, source)| failed(path, source));
        }
        self.look_up(command).await.ok_or_else(|| {
            let source = io::Error::new(
                io::ErrorKind::NotFound,
                "not on PATH, not on the login shell's PATH and not in the usual places",
            );
            failed(PathBuf::from(command), source)
        })
    }

    /// Deno, Bun and Node, in this order. Their versions are determined concurrently.
    pub(crate) async fn detect_all(&self) -> Vec<RuntimeInfo> {
        let detect = async {
            let (deno, bun, node) = tokio::join!(
                self.describe(Runtime::Deno),
                self.describe(Runtime::Bun),
                self.describe(Runtime::Node),
            );
            vec![deno, bun, node]
        };
        // The future is large.
        self.shared.detections.share(Box::pin(detect)).await
    }

    /// `PATH` as the user's login shell sets it. The shell is started with a time limit.
    pub(crate) async fn login_path(&self) -> Option<&OsStr> {
        self.shared.login.get(probe::login_path()).await
    }

    async fn describe(&self, runtime: Runtime) -> RuntimeInfo {
        let name = runtime.to_string();
        let Ok(path) = self.locate(runtime).await else {
            let path = self.known().overrides.get(&runtime).cloned();
            return RuntimeInfo { name, path, version: None, available: false };
        };
        let version = match self.known_version(&path).await {
            Some(version) => Some(version),
            None => self.ask_version(&path).await,
        };
        RuntimeInfo { name, path: Some(path), available: version.is_some(), version }
    }

    async fn ask_version(&self, path: &Path) -> Option<String> {
        let changed = self.changed(path).await;
        let version = probe::version(path, probe::LIMIT).await?;
        self.known().versions.insert(path.to_path_buf(), (changed, version.clone()));
        Some(version)
    }

    async fn known_version(&self, path: &Path) -> Option<String> {
        let (then, version) = self.known().versions.get(path)?.clone();
        (then == self.changed(path).await).then_some(version)
    }

    async fn changed(&self, path: &Path) -> Option<SystemTime> {
        let path = path.to_owned();
        self.ask_system(move || changed(&path)).await.ok()?
    }

    async fn executable(&self, path: &Path) -> io::Result<()> {
        let path = path.to_owned();
        self.ask_system(move || executable(&path)).await.map_err(io::Error::other)?
    }

    async fn search(&self, name: &str, folders: OsString) -> Option<PathBuf> {
        let name = name.to_owned();
        self.ask_system(move || search(&name, &folders)).await.ok()?
    }

    /// Runs `ask` off the supervisor's thread: a network folder may not answer.
    async fn ask_system<T: Send + 'static>(
        &self,
        ask: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        #[cfg(test)]
        let ask = {
            let gate = self.shared.gate.lock().take();
            move || {
                // With a time limit, so that the test fails and does not hang.
                gate.map(|gate| gate.recv_timeout(std::time::Duration::from_mins(2)));
                ask()
            }
        };
        tokio::task::spawn_blocking(ask).await.map_err(|_| Error::ShutDown)
    }

    async fn locate(&self, runtime: Runtime) -> Result<PathBuf, Error> {
        let (set, cached) = {
            let known = self.known();
            (known.overrides.get(&runtime).cloned(), known.found.get(&runtime).cloned())
        };
        if let Some(path) = set {
            return match self.executable(&path).await {
                Ok(()) => Ok(path),
                Err(source) => Err(unavailable(
                    runtime,
                    format!("the path set for it, '{}', cannot be used: {source}", path.display()),
                )),
            };
        }
        // It may have been uninstalled since.
        if let Some(path) = cached
            && self.executable(&path).await.is_ok()
        {
            return Ok(path);
        }
        let path = self.look_up(runtime.as_str()).await.ok_or_else(|| not_found(runtime))?;
        self.known().found.insert(runtime, path.clone());
        Ok(path)
    }

    async fn look_up(&self, name: &str) -> Option<PathBuf> {
        if let Some(folders) = std::env::var_os("PATH")
            && let Some(path) = self.search(name, folders).await
        {
            return Some(path);
        }
        if let Some(folders) = self.login_path().await
            && let Some(path) = self.search(name, folders.to_owned()).await
        {
            return Some(path);
        }
        let name = name.to_owned();
        let in_usual_places = move || {
            let home = std::env::home_dir();
            let folders = places::usual(home.as_deref(), |name| std::env::var_os(name));
            // `join_paths` fails for a folder whose name contains the separator; such a folder is skipped.
            folders.iter().find_map(|folder| search(&name, &std::env::join_paths([folder]).ok()?))
        };
        self.ask_system(in_usual_places).await.ok()?
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.shared.known.lock()
    }
}

fn search(name: &str, folders: &OsStr) -> Option<PathBuf> {
    let found = which::which_in_global(name, Some(folders)).ok()?.next()?;
    std::path::absolute(found).ok()
}

/// The program at this path, or at this path with an executable extension (Windows).
fn program_at(path: PathBuf) -> Result<PathBuf, (PathBuf, io::Error)> {
    let found = which::which_in_global(&path, None::<&OsStr>);
    let first = found.ok().and_then(|mut paths| paths.next());
    if let Some(program) = first {
        return Ok(program);
    }
    match executable(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err((path, error)),
    }
}

/// Checks that `path` is an executable file.
fn executable(path: &Path) -> io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder, not an executable"));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 == 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "is not executable"));
    }
    #[cfg(windows)]
    if !has_extension_of_a_program(path) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "is not a program: its name ends neither in .exe nor in .com, .bat or .cmd",
        ));
    }
    Ok(())
}

/// Windows starts files by their extension.
#[cfg(any(windows, test))]
fn has_extension_of_a_program(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    ["exe", "com", "bat", "cmd"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn not_found(runtime: Runtime) -> Error {
    unavailable(
        runtime,
        format!(
            "not on PATH, not on the login shell's PATH and not in the usual places; install \
             {runtime}, or name its executable with set_runtime_path"
        ),
    )
}

fn unavailable(runtime: Runtime, message: String) -> Error {
    Error::RuntimeUnavailable { runtime: runtime.to_string(), message }
}

#[cfg(all(test, unix))]
mod tests;
