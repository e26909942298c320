//! `process.execPath`: a runtime for scripts that a script starts.
//!
//! The program that runs an embedded script is the application. Starting `execPath` must not start the application
//! again, so it is the path of the first of Node, Deno and Bun that is found and that the script may run. If `PATH`
//! has none, other folders are searched only when a script starts it, because that can take long.

use std::path::PathBuf;
use std::sync::Arc;

use deno_runtime::deno_core::{OpState, op2};
use parking_lot::{Mutex, MutexGuard};

use crate::child::detect::Detector;
use crate::wire::{Grant, Permissions, Runtime};

/// A path that no file can have. It names the missing runtimes in error messages of a shell.
pub(crate) const NO_EXECUTABLE: &str =
    if cfg!(windows) { r"NUL\js-runtime" } else { "/proc/js-runtime/no-node-deno-or-bun" };

/// In order of preference: most programs that use `execPath` are written for Node.
const RUNTIMES: [Runtime; 3] = [Runtime::Node, Runtime::Deno, Runtime::Bun];

/// Shared by the isolates of a process.
#[derive(Clone)]
pub(crate) struct Executable(Arc<Inner>);

struct Inner {
    detector: Detector,
    /// The runtimes that the script may start.
    candidates: Vec<Runtime>,
    found: Mutex<Found>,
}

#[derive(Default, Clone)]
struct Found {
    is_path_searched: bool,
    is_all_searched: bool,
    runtime: Option<(Runtime, PathBuf)>,
}

impl Executable {
    pub(crate) fn new(detector: Detector, permissions: Option<&Permissions>) -> Self {
        let may_start = |runtime: &Runtime| {
            permissions.is_some_and(|granted| granted.all || is_named(&granted.run, *runtime))
        };
        let candidates = RUNTIMES.into_iter().filter(may_start).collect();
        Self(Arc::new(Inner { detector, candidates, found: Mutex::default() }))
    }

    /// The path, found on `PATH` only.
    pub(crate) fn path(&self) -> String {
        let found = self.on_path().runtime;
        // A path that is not UTF-8 cannot be passed to a script.
        let path = found.and_then(|(_, path)| path.into_os_string().into_string().ok());
        path.unwrap_or_else(|| NO_EXECUTABLE.to_owned())
    }

    /// The path, after a search of all places.
    pub(crate) fn find_path(&self) -> Option<String> {
        let (_, path) = self.search().runtime?;
        path.into_os_string().into_string().ok()
    }

    fn on_path(&self) -> Found {
        let mut found = self.lock();
        if !found.is_path_searched {
            found.is_path_searched = true;
            let Inner { candidates, detector, .. } = &*self.0;
            let mut paths = candidates.iter().map(|it| Some((*it, detector.on_path(*it)?)));
            found.runtime = paths.find_map(|path| path);
        }
        found.clone()
    }

    /// Searches all places.
    fn search(&self) -> Found {
        let found = self.on_path();
        if found.runtime.is_some() || found.is_all_searched || self.0.candidates.is_empty() {
            return found;
        }
        let shared = self.0.clone();
        // On another thread: this thread runs an executor, which cannot be nested.
        let searching = std::thread::spawn(move || {
            let executor =
                tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            executor.block_on(async {
                for runtime in shared.candidates.iter().copied() {
                    if let Ok(found) = shared.detector.find(runtime).await {
                        return Some((runtime, found.path));
                    }
                }
                None
            })
        });
        // A panic was reported by the panic hook, and counts as no runtime.
        let runtime = searching.join().ok().flatten();
        let mut found = self.lock();
        found.is_all_searched = true;
        found.runtime = runtime;
        found.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.found.lock()
    }
}

/// Whether a grant names the runtime, by name or by path.
fn is_named(granted: &Grant, runtime: Runtime) -> bool {
    match granted {
        Grant::All(all) => *all,
        Grant::Some(list) => list.iter().any(|program| {
            let name = std::path::Path::new(program).file_stem();
            name.is_some_and(|name| name == runtime.as_str())
        }),
    }
}

/// A warm isolate has no `Executable` yet. Its `execPath` is set when it starts a script.
#[op2]
#[string]
pub(crate) fn op_host_exec_path(state: &mut OpState) -> String {
    let executable = state.try_borrow::<Executable>();
    executable.map_or_else(|| NO_EXECUTABLE.to_owned(), Executable::path)
}

/// The kind of runtime: 0 for none, 1 for Node or Bun, 2 for Deno, as in `module_patches/child_process.js`. Searches all
/// places if `search_all`. Replaces `op_desktop_init`.
#[op2(fast)]
#[smi]
pub(crate) fn op_host_runtime(state: &mut OpState, search_all: bool) -> i32 {
    let executable = state.borrow::<Executable>();
    let found = if search_all { executable.search() } else { executable.on_path() };
    match found.runtime {
        Some((Runtime::Deno, _)) => 2,
        Some(_) => 1,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patched_module_has_the_same_placeholder() {
        let name = NO_EXECUTABLE.replace('\\', r"\\");
        assert!(include_str!("../module_patches/child_process.js").contains(&format!("'{name}'")));
    }

    #[test]
    fn only_permitted_runtimes_are_candidates() {
        let run = |grant| Permissions { run: grant, ..Permissions::default() };
        let list = |list: &[&str]| Grant::Some(list.iter().map(|&it| it.to_owned()).collect());
        let candidates = |permissions: Option<Permissions>| {
            Executable::new(Detector::new(), permissions.as_ref()).0.candidates.clone()
        };
        assert_eq!(candidates(None), []);
        assert_eq!(candidates(Some(Permissions::default())), []);
        assert_eq!(candidates(Some(run(list(&["git", "/opt/bun"])))), [Runtime::Bun]);
        assert_eq!(candidates(Some(run(Grant::All(true)))), RUNTIMES);
        assert_eq!(candidates(Some(Permissions::all())), RUNTIMES);
        let none = Executable::new(Detector::new(), None);
        assert_eq!((none.path().as_str(), none.search().runtime), (NO_EXECUTABLE, None));
    }
}
