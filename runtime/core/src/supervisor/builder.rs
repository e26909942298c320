//! Settings of a supervisor.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Supervisor;
use super::names::Names;
use crate::backend::bundled::Bundled;
use crate::backend::start::Host;
use crate::backend::usage::UsageMeter;
use crate::child::detect::Detector;
use crate::error::Error;
use crate::supervisor::changes::ChangeNotifier;
use crate::supervisor::runtime_thread::RuntimeThread;

/// Settings of a [`Supervisor`].
#[derive(Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    bundled: HashMap<String, Arc<str>>,
    bundle_dir: Option<PathBuf>,
    max_processes: Option<usize>,
    warm_isolates: Option<usize>,
}

impl Builder {
    /// Adds a self-contained ES module that `SpawnConfig::script` can name, on every runtime. It takes precedence over
    /// a file of the same name. A bundled module has no folder of its own that it may always read.
    pub fn bundle(mut self, name: impl Into<String>, source: impl Into<Arc<str>>) -> Self {
        self.bundled.insert(name.into(), source.into());
        self
    }

    /// The folder for files of bundled modules: child runtimes run files. The files are named
    /// `<name>-<hash of the content>.mjs` and stay for later starts. A missing folder is created for this user only.
    /// Files are verified before each start. Other users must not be able to write to the folder or to its parents,
    /// where runtimes search for packages. **Default:** a temporary folder, removed with the supervisor.
    pub fn bundle_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.bundle_dir = Some(folder.into());
        self
    }

    /// The most processes that may be live at once. The same number of exited processes stays listed; above it, the
    /// process that exited first is removed. **Default:** no limit.
    pub fn max_processes(mut self, most: usize) -> Self {
        self.max_processes = Some(most);
        self
    }

    /// The number of warm isolates: embedded isolates that are bootstrapped in advance, so that a start does not wait
    /// for V8 and Deno. 0 disables them. Each takes about 5 MB. They are created when nothing was started for a
    /// while, the first after the first embedded start or [`Supervisor::warm_up`], and dropped while
    /// less than a tenth of the memory is free. A start does not use them if its `limits.heapMb` or
    /// `limits.arrayBufferMb` differs from the previous start, if its heap has less than 64 MiB, or if its `env` has
    /// `NO_COLOR`, `FORCE_COLOR` or a variable of Node. Ignored in a build without the engine. **Default:** 1.
    pub fn warm_isolates(mut self, count: usize) -> Self {
        self.warm_isolates = Some(count);
        self
    }

    /// Starts the supervisor.
    ///
    /// # Errors
    /// [`Error::StartFailed`] if its thread cannot be started, [`Error::Path`] if `bundle_dir` is empty.
    pub fn build(self) -> Result<Supervisor, Error> {
        // Absolute, because children have other working directories.
        let bundle_dir = self.bundle_dir.map(|folder| {
            let absolute = std::path::absolute(&folder);
            absolute.map_err(|source| Error::Path {
                what: "folder for bundled modules",
                path: folder,
                source,
            })
        });
        let bundled = Bundled::new(self.bundled, bundle_dir.transpose()?);
        let host = Host {
            detector: Detector::new(),
            bundled,
            spawner: Arc::default(),
            _guardian: crate::child::guardian::GuardianHandle::new(),
            #[cfg(feature = "embedded")]
            pool: crate::isolate::Pool::new(self.warm_isolates),
        };
        let runtime_thread = RuntimeThread::start()?;
        #[cfg(feature = "embedded")]
        runtime_thread.spawn(host.pool.clone().refill_loop());
        let changes = ChangeNotifier::new();
        let names = Names::new(self.max_processes.unwrap_or(usize::MAX), changes.clone());
        Ok(Supervisor {
            host: Arc::new(host),
            names: Mutex::new(Some(names)),
            changes,
            usage_meter: UsageMeter::default(),
            runtime_thread,
        })
    }
}
