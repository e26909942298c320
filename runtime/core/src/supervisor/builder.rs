//! Settings of a supervisor.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Supervisor;
use super::names::Names;
use crate::backend::bundled::Bundled;
use crate::backend::start::Host;
use crate::backend::usage::UsageMeter;
use crate::child::detect::Detector;
use crate::error::Error;
use crate::rpc::{self, Claim, Exposed, Handler, Hub, Spawner};
use crate::runtime_thread::RuntimeThread;
use crate::supervisor::changes::ChangeNotifier;

/// Settings of a [`Supervisor`].
#[derive(Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    bundled: HashMap<String, Arc<str>>,
    bundle_dir: Option<PathBuf>,
    max_processes: Option<usize>,
    warm_isolates: Option<usize>,
    exposed: HashMap<String, Exposed>,
    exposed_to: Option<HashSet<String>>,
    claim: Option<Claim>,
    spawner: Option<Spawner>,
    spin: Option<bool>,
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

    /// Lets backends call an async function as `name`; dots make it a member of an object. It runs on one thread for
    /// all functions and callbacks of the supervisor, so it must not block; see
    /// [`spawn_exposed_with`](Self::spawn_exposed_with). A request is answered once: by Rust, unless
    /// a window has told the backend that it offers the function, as `connect` does. In the backend:
    /// `serve<Host>(api).remote.greet('you')`.
    ///
    /// ```
    /// use js_runtime::Supervisor;
    /// use js_runtime::rpc::Failure;
    ///
    /// let builder = Supervisor::builder().expose("greet", |name: String| async move {
    ///     if name.is_empty() { return Err(Failure::named("RangeError", "the name is empty")); }
    ///     Ok(format!("Hello {name}"))
    /// });
    /// ```
    pub fn expose<Args: 'static>(
        mut self,
        name: impl Into<String>,
        function: impl Handler<Args>,
    ) -> Self {
        self.exposed.insert(name.into(), rpc::exposed(function));
        self
    }

    /// The names of the processes that may call exposed functions. **Default:** all.
    pub fn expose_to(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.exposed_to = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Runs exposed functions on another executor. **Default:** the thread of callbacks.
    pub fn spawn_exposed_with(
        mut self,
        spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync + 'static,
    ) -> Self {
        self.spawner = Some(Arc::new(spawn));
        self
    }

    /// Asks before Rust answers a request that others may answer too, with the name and the generation of the process
    /// and the id of the request. **Default:** Rust answers every request for an exposed function. For hosts that give
    /// the output of processes to several clients. It runs on the thread that reads the output and must not block.
    pub fn claim_requests(
        mut self,
        may_answer: impl Fn(&str, u64, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.claim = Some(Arc::new(may_answer));
        self
    }

    /// Whether a thread that waits for the next message polls for up to 100 µs before it sleeps: an embedded process
    /// that waits for its stdin, and a [`Subscription`](crate::Subscription) that waits for output. Answers that take
    /// microseconds then arrive without the wake-up of a sleeping thread, at the cost of processor time and, on
    /// battery, of energy. Spins that fail become rare, and there are none on a machine with one processor.
    /// **Default:** `true`.
    pub fn spin(mut self, spins: bool) -> Self {
        self.spin = Some(spins);
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
        let runtime_thread = RuntimeThread::start("js-supervisor")?;
        let has_exposed = !self.exposed.is_empty();
        let rpc = {
            let timer = runtime_thread.handle().clone();
            Hub::new(self.exposed, self.exposed_to, self.claim, self.spawner, timer)
        };
        if has_exposed {
            rpc.start()?;
        }
        #[cfg(feature = "embedded")]
        runtime_thread.spawn(host.pool.clone().refill_loop());
        let changes = ChangeNotifier::new();
        let max_live = self.max_processes.unwrap_or(usize::MAX);
        let names = Names::new(max_live, changes.clone(), self.spin.unwrap_or(true));
        Ok(Supervisor {
            host: Arc::new(host),
            names: Mutex::new(Some(names)),
            changes,
            usage_meter: UsageMeter::default(),
            runtime_thread,
            rpc,
        })
    }
}
