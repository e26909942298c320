//! The public API: named processes.
//!
//! The supervisor owns the map of names; an actor owns each process. The map's lock is never held across an await.

pub(crate) mod actor;
mod builder;
pub(crate) mod changes;
pub(crate) mod handle;
mod names;
mod restart;
mod streams;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::{Mutex, MutexGuard};

pub use self::builder::Builder;
use self::names::{Names, Reserved};
use crate::backend::start::Host;
use crate::backend::usage::UsageMeter;
use crate::error::Error;
use crate::generation::plan::{self, Plan};
use crate::io::history::{Backpressure, Subscription};
use crate::rpc::Hub;
use crate::runtime_thread::RuntimeThread;
use crate::supervisor::actor::Actor;
use crate::supervisor::changes::{ChangeNotifier, Changes};
use crate::supervisor::handle::{ActorMessage, ProcessHandle, StartRequest};
use crate::wire::{Limits, ProcessInfo, Runtime, RuntimeInfo, SpawnConfig, Usage};

/// The longest wait of a drop for its processes: the shortened grace, plus the time until a thread that hangs in
/// native code is abandoned.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Starts, monitors and ends named processes.
///
/// All methods can be called from any thread and any async executor. Dropping the supervisor kills
/// all processes and blocks until they have ended; [`Supervisor::shutdown`] does the same without blocking.
///
/// ```
/// use js_runtime::{Event, SpawnConfig, Supervisor};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let supervisor = Supervisor::new()?;
/// supervisor.spawn("cat", SpawnConfig::command("cat")).await?;
/// let mut events = supervisor.subscribe("cat")?;
/// supervisor.write_stdin("cat", "hello\n").await?;
/// while let Some(record) = events.recv().await {
///     if let Event::Stdout(line) = record.event {
///         assert_eq!(&line[..], b"hello");
///         break;
///     }
/// }
/// supervisor.kill("cat").await?;
/// # Ok::<(), js_runtime::Error>(())
/// # }).unwrap();
/// ```
pub struct Supervisor {
    host: Arc<Host>,
    names: Mutex<Option<Names>>,
    changes: ChangeNotifier,
    usage_meter: UsageMeter,
    runtime_thread: RuntimeThread,
    rpc: Arc<Hub>,
}

impl Supervisor {
    /// Starts a supervisor with default settings.
    ///
    /// # Errors
    /// [`Error::StartFailed`] if its thread cannot be started.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns the settings of a new supervisor.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a process. Returns when its script starts to run. `name` has 1 to [`MAX_NAME_BYTES`](crate::MAX_NAME_BYTES)
    /// bytes and no control characters.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if `name` has a live process; [`Error::TooMany`] if
    /// [`Builder::max_processes`] are live; [`Error::InvalidConfig`],
    /// [`Error::Path`], [`Error::RuntimeUnavailable`] and [`Error::StartFailed`] if the process
    /// cannot start; [`Error::ShutDown`] after [`Supervisor::shutdown`].
    pub async fn spawn(&self, name: &str, config: SpawnConfig) -> Result<ProcessInfo, Error> {
        let (process, plan) = self.prepare(name, config)?;
        Self::send_start(&process, plan, false).await
    }

    /// Like [`Supervisor::spawn`], with a subscription that starts before the first event.
    ///
    /// # Errors
    /// As [`Supervisor::spawn`].
    pub async fn spawn_subscribed(
        &self,
        name: &str,
        config: SpawnConfig,
        backpressure: Backpressure,
    ) -> Result<(ProcessInfo, Subscription), Error> {
        let (process, plan) = self.prepare(name, config)?;
        let subscription = process.subscribe(backpressure, false);
        Ok((Self::send_start(&process, plan, false).await?, subscription))
    }

    /// Bootstraps an embedded isolate for the first start with these limits, so that it is as fast as later ones.
    /// Returns at once. Without this call the first isolate is bootstrapped after the first start;
    /// see [`Builder::warm_isolates`].
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for invalid limits, [`Error::RuntimeUnavailable`] in a build without the engine.
    pub fn warm_up(&self, limits: Option<Limits>) -> Result<(), Error> {
        self.host.warm_up(limits)
    }

    /// Waits until [`Builder::warm_isolates`] embedded isolates are bootstrapped. Returns at once if the pool does not
    /// fill itself yet, or cannot now because memory is short.
    #[cfg_attr(
        not(feature = "embedded"),
        expect(clippy::unused_async, reason = "the same signature as with the engine")
    )]
    pub async fn warmed_up(&self) {
        #[cfg(feature = "embedded")]
        self.host.pool.filled().await;
    }

    /// Returns the live process of this name, or starts one. Waits for a start, an end or a restart by policy that is
    /// in progress.
    ///
    /// # Errors
    /// As [`Supervisor::spawn`], except [`Error::AlreadyExists`].
    pub async fn ensure(&self, name: &str, config: SpawnConfig) -> Result<ProcessInfo, Error> {
        self.ensure_started(name, config).await.map(|(process, _)| process)
    }

    /// Like [`Supervisor::ensure`]; also returns whether this call has started the process.
    ///
    /// # Errors
    /// As [`Supervisor::ensure`].
    pub async fn ensure_started(
        &self,
        name: &str,
        config: SpawnConfig,
    ) -> Result<(ProcessInfo, bool), Error> {
        loop {
            match self.spawn(name, config.clone()).await {
                Err(Error::AlreadyExists(_)) => {}
                spawned => return spawned.map(|process| (process, true)),
            }
            // If the process is removed, or its start fails or it ends meanwhile, this call starts it.
            let Ok(process) = self.process(name) else { continue };
            if let Ok(Some(running)) = process.request(ActorMessage::AwaitIdle).await {
                return Ok((running, false));
            }
        }
    }

    /// Ends a process and returns after its exit. First its stdin ends; after `limits.killGraceMs` it is forced to
    /// end.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] if the process has exited.
    pub async fn kill(&self, name: &str) -> Result<(), Error> {
        self.process(name)?.request(ActorMessage::Kill).await
    }

    /// Kills all live processes concurrently.
    pub async fn kill_all(&self) {
        let live: Vec<ProcessHandle> = {
            let names = self.names();
            names.iter().flat_map(Names::all).filter(|p| p.is_live()).cloned().collect()
        };
        // An error means that the process has ended meanwhile.
        join_all(live.iter().map(|process| process.request(ActorMessage::Kill))).await;
    }

    /// Kills a process if it is live, and starts it with a new configuration or the last one.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, otherwise as [`Supervisor::spawn`].
    pub async fn restart(
        &self,
        name: &str,
        config: Option<SpawnConfig>,
    ) -> Result<ProcessInfo, Error> {
        let plan = match config {
            Some(config) => Plan::new(config)?,
            None => self.last_plan(name).await?,
        };
        let process = self.reserve_with(|names| names.reserve_to_replace(name))?;
        Self::send_start(&process, plan, true).await
    }

    /// The plan of the last start. Waits for a start in progress.
    async fn last_plan(&self, name: &str) -> Result<Arc<Plan>, Error> {
        let process = self.process(name)?;
        if process.last_plan().is_none() {
            process.request(ActorMessage::AwaitIdle).await.map(drop)?;
        }
        process.last_plan().ok_or_else(|| Error::NotFound(name.to_owned()))
    }

    /// Removes a process that has exited from the list; its subscriptions end.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::StillRunning`] for a live process.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.names().as_mut().ok_or(Error::ShutDown)?.remove(name)?;
        self.changes.notify();
        Ok(())
    }

    /// All processes, live and exited, sorted by name.
    #[must_use]
    pub fn list(&self) -> Vec<ProcessInfo> {
        let mut list: Vec<_> =
            self.names().iter().flat_map(Names::all).map(ProcessHandle::info).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// The listed state of a process, live or exited.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name.
    pub fn status(&self, name: &str) -> Result<ProcessInfo, Error> {
        Ok(self.process(name)?.info())
    }

    /// Whether a process of this name starts, runs, stops, or waits for a restart by policy.
    #[must_use]
    pub fn is_live(&self, name: &str) -> bool {
        self.process(name).is_ok_and(|process| process.has_actor() && process.is_live())
    }

    /// The configuration of the last start of a process.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] before its first start.
    pub fn config(&self, name: &str) -> Result<SpawnConfig, Error> {
        let plan = self.process(name)?.last_plan();
        plan.map(|plan| plan.config.clone()).ok_or_else(|| Error::NotRunning(name.to_owned()))
    }

    /// Notifies about changes of [`Supervisor::list`].
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.changes.watch()
    }

    /// The resource usage of all running processes, sorted by name; empty after [`Supervisor::shutdown`]. Sampled on
    /// request. Takes 100 ms if an embedded process is too busy to answer. Processor time is counted since the
    /// last call by any caller.
    pub async fn usage(&self) -> Vec<Usage> {
        let mut processes: Vec<_> = self
            .names()
            .iter()
            .flat_map(Names::all)
            .filter_map(ProcessHandle::metered_process)
            .collect();
        processes.sort_by(|a, b| a.name.cmp(&b.name));
        let usage_meter = self.usage_meter.clone();
        self.runtime_thread
            .run(async move { usage_meter.read(processes).await })
            .await
            .unwrap_or_default()
    }

    /// Lists the runtimes: the embedded engine first, then deno, bun and node. A build without the engine lists it as
    /// not available.
    ///
    /// # Errors
    /// [`Error::ShutDown`] after [`Supervisor::shutdown`].
    pub async fn detect_runtimes(&self) -> Result<Vec<RuntimeInfo>, Error> {
        let host = self.host.clone();
        let mut found =
            self.runtime_thread.run(async move { host.detector.detect_all().await }).await?;
        found.insert(0, embedded_info());
        Ok(found)
    }

    /// Uses `path` for `runtime` from now on; `None` restores detection.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] unless `runtime` is deno, bun or node, [`Error::Path`] if `path` is
    /// not an executable file.
    pub fn set_runtime_path(&self, runtime: Runtime, path: Option<PathBuf>) -> Result<(), Error> {
        self.host.detector.set_path(runtime, path)
    }

    /// The paths set by [`Supervisor::set_runtime_path`], by runtime.
    #[must_use]
    pub fn runtime_paths(&self) -> BTreeMap<String, PathBuf> {
        self.host.detector.paths()
    }

    /// Kills all processes and waits for their end. Later calls fail with [`Error::ShutDown`].
    pub async fn shutdown(&self) {
        let names = self.names().take();
        // An error means that the thread is gone, and with it all processes.
        let _ = self.runtime_thread.run(Self::end(self.host.clone(), names)).await;
        self.host.bundled.remove();
        self.rpc.end();
        self.changes.end();
    }

    async fn end(host: Arc<Host>, names: Option<Names>) {
        // An error means that the actor is gone, and with it its process.
        let processes = names.iter().flat_map(Names::all);
        let ends = join_all(processes.map(|process| process.request(ActorMessage::Shutdown)));
        tokio::join!(ends, host.close());
    }

    /// Checks the name and the configuration of a start, and reserves the name.
    fn prepare(
        &self,
        name: &str,
        config: SpawnConfig,
    ) -> Result<(ProcessHandle, Arc<Plan>), Error> {
        plan::check_name(name)?;
        let plan = Plan::new(config)?;
        Ok((self.reserve(name)?, plan))
    }

    /// Reserves a name before anything is started for it.
    fn reserve(&self, name: &str) -> Result<ProcessHandle, Error> {
        self.reserve_with(|names| names.reserve(name))
    }

    fn reserve_with(
        &self,
        reserve: impl FnOnce(&mut Names) -> Result<Reserved, Error>,
    ) -> Result<ProcessHandle, Error> {
        let mut names = self.names();
        let Reserved { process, mailbox } = reserve(names.as_mut().ok_or(Error::ShutDown)?)?;
        let Some(mailbox) = mailbox else { return Ok(process) };
        if self.rpc.serves(&process.name()) {
            process.endpoint(&self.rpc);
        }
        let actor = Actor::new(process.clone(), self.host.clone(), mailbox);
        self.runtime_thread.spawn(actor.run());
        drop(names);
        self.changes.notify();
        Ok(process)
    }

    async fn send_start(
        process: &ProcessHandle,
        plan: Arc<Plan>,
        replace: bool,
    ) -> Result<ProcessInfo, Error> {
        process
            .request(|reply| ActorMessage::Start(Box::new(StartRequest { plan, replace, reply })))
            .await
    }

    fn process(&self, name: &str) -> Result<ProcessHandle, Error> {
        self.names().as_ref().ok_or(Error::ShutDown)?.get(name).cloned()
    }

    fn names(&self) -> MutexGuard<'_, Option<Names>> {
        self.names.lock()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let names = self.names().take();
        self.runtime_thread.finish(Self::end(self.host.clone(), names), SHUTDOWN_TIMEOUT);
        self.host.bundled.remove();
        self.rpc.end();
        self.changes.end();
    }
}

fn embedded_info() -> RuntimeInfo {
    RuntimeInfo {
        name: Runtime::Embedded.to_string(),
        path: None,
        version: crate::embedded_version().map(str::to_owned),
        available: cfg!(feature = "embedded"),
    }
}

#[cfg(test)]
mod tests;
