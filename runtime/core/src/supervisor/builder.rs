//! What is decided before a supervisor starts.

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
    /// Makes one self-contained ES module available under `name`, for `SpawnConfig::script`, whatever
    /// the runtime. A bundled module comes before a file of the same name. Like every script it may be
    /// told to read files, but has no folder of its own that it always may.
    pub fn bundle(mut self, name: impl Into<String>, source: impl Into<Arc<str>>) -> Self {
        self.bundled.insert(name.into(), source.into());
        self
    }

    /// Where bundled modules are written for child runtimes, which run files: as
    /// `<name>-<hash of the content>.mjs`, and kept for the next time. A folder that is not there is
    /// made, for this user only. What lies in it is verified before it is run; still, nobody else
    /// should be able to write to it, nor to a folder above it, where runtimes look for packages.
    /// **Default:** a temporary folder, removed with the supervisor.
    pub fn bundle_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.bundle_dir = Some(folder.into());
        self
    }

    /// The most processes that may be live at once. As many exited ones stay listed: when there are more, the
    /// one that exited first is removed. **Default:** any number.
    pub fn max_processes(mut self, most: usize) -> Self {
        self.max_processes = Some(most);
        self
    }

    /// How many embedded isolates wait, prepared but for their script, so that a start does not wait
    /// for V8 and Deno; 0 for none. Each takes about 5 MB. They are made when nothing was started for a
    /// while, the first after the first embedded start or [`Supervisor::warm_up`], and given up while
    /// less than a tenth of the memory is free. A start whose `limits.heapMb` or
    /// `limits.arrayBufferMb` is another than that of the start before is not served by them, nor one
    /// with less than 64 MiB of heap, nor one whose `env` has `NO_COLOR`, `FORCE_COLOR` or a variable of
    /// Node's. Ignored in a build without the engine.
    /// **Default:** 1.
    pub fn warm_isolates(mut self, count: usize) -> Self {
        self.warm_isolates = Some(count);
        self
    }

    /// Starts the supervisor.
    ///
    /// # Errors
    /// When its thread could not be started, or `bundle_dir` is empty.
    pub fn build(self) -> Result<Supervisor, Error> {
        // Children are started in other folders.
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
        let keeper = RuntimeThread::start()?;
        #[cfg(feature = "embedded")]
        keeper.spawn(host.pool.clone().tend());
        let changes = ChangeNotifier::new();
        let names = Names::new(self.max_processes.unwrap_or(usize::MAX), changes.clone());
        Ok(Supervisor {
            host: Arc::new(host),
            names: Mutex::new(Some(names)),
            changes,
            meters: UsageMeter::default(),
            keeper,
        })
    }
}
