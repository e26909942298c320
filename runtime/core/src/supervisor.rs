//! Name to process: the crate's API.
//!
//! Owns the names and nothing else; what a process is and does belongs to its actor. The map's lock
//! is never held across a wait.

pub(crate) mod actor;
mod builder;
pub(crate) mod changes;
pub(crate) mod handle;
mod names;
mod restart;
mod runtime_thread;
mod streams;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::{Mutex, MutexGuard};

pub use self::builder::Builder;
use self::names::{Names, Reserved};
use crate::backend::plan;
use crate::backend::plan::Plan;
use crate::backend::start::Host;
use crate::backend::usage::UsageMeter;
use crate::error::Error;
use crate::io::history::{Subscription, WhenSlow};
use crate::supervisor::actor::Actor;
use crate::supervisor::changes::{ChangeNotifier, Changes};
use crate::supervisor::handle::{ActorMessage, ProcessHandle, StartRequest};
use crate::supervisor::runtime_thread::RuntimeThread;
use crate::wire::{Limits, ProcessInfo, Runtime, RuntimeInfo, SpawnConfig, Usage};

/// How long dropping the supervisor waits for its processes to end: a shortened grace, and the time
/// after which even a thread that hangs in native code is given up.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// Starts, watches and ends named processes.
///
/// All methods can be called from any thread and any async executor. Dropping the supervisor kills
/// every process and waits for it; [`Supervisor::shutdown`] does the same without blocking.
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
    meters: UsageMeter,
    keeper: RuntimeThread,
}

impl Supervisor {
    /// A supervisor with default settings.
    ///
    /// # Errors
    /// When its thread could not be started.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Settings to start a supervisor with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a process. Returns when its script begins to run, or with the reason why it cannot.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when `name` has a live process; [`Error::TooMany`] when
    /// `Builder::max_processes` are live; [`Error::InvalidConfig`],
    /// [`Error::Path`], [`Error::RuntimeUnavailable`] and [`Error::StartFailed`] for a process that
    /// cannot start.
    pub async fn spawn(&self, name: &str, config: SpawnConfig) -> Result<ProcessInfo, Error> {
        plan::check_name(name)?;
        let plan = Plan::new(config)?;
        let process = self.reserve(name)?;
        Self::begin(&process, plan, false).await
    }

    /// Like [`Supervisor::spawn`], but with a subscription that sees the very first event.
    ///
    /// # Errors
    /// Those of `spawn`.
    pub async fn spawn_subscribed(
        &self,
        name: &str,
        config: SpawnConfig,
        when_slow: WhenSlow,
    ) -> Result<(ProcessInfo, Subscription), Error> {
        plan::check_name(name)?;
        let plan = Plan::new(config)?;
        let process = self.reserve(name)?;
        let subscription = process.subscribe(when_slow, false);
        Ok((Self::begin(&process, plan, false).await?, subscription))
    }

    /// Prepares an embedded isolate for the first start that wants one with these limits, so that this is
    /// as quick as later ones. Returns at once. Without it the first is prepared after the first start;
    /// see [`Builder::warm_isolates`].
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for limits that no process may have, [`Error::RuntimeUnavailable`] in a build
    /// without the engine.
    pub fn warm_up(&self, limits: Option<Limits>) -> Result<(), Error> {
        self.host.warm_up(limits)
    }

    /// Waits until [`Builder::warm_isolates`] embedded isolates are prepared. Returns at once when none are wanted
    /// yet, and without them when they cannot be made now, as while memory is short.
    #[cfg_attr(
        not(feature = "embedded"),
        expect(clippy::unused_async, reason = "the same shape as with the engine")
    )]
    pub async fn warmed_up(&self) {
        #[cfg(feature = "embedded")]
        self.host.pool.filled().await;
    }

    /// Starts a process unless one of this name is live, in which case that one is returned. Waits for a start
    /// or an end that is under way, and for a restart by policy that has its back-off before it.
    ///
    /// # Errors
    /// Those of `spawn`, without [`Error::AlreadyExists`].
    pub async fn ensure(&self, name: &str, config: SpawnConfig) -> Result<ProcessInfo, Error> {
        self.ensure_started(name, config).await.map(|(process, _)| process)
    }

    /// Like [`Supervisor::ensure`], and says whether this call has started the process.
    ///
    /// # Errors
    /// Those of `ensure`.
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
            // It may have been removed since, and what is under way may fail or end: then it is started here.
            let Ok(process) = self.process(name) else { continue };
            if let Ok(Some(running)) = process.ask(ActorMessage::Settle).await {
                return Ok((running, false));
            }
        }
    }

    /// Ends a process and returns when nothing of it is left. Its stdin ends first; what does not
    /// end within `limits.killGraceMs` is made to.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] when it has already exited.
    pub async fn kill(&self, name: &str) -> Result<(), Error> {
        self.process(name)?.ask(ActorMessage::Kill).await
    }

    /// Kills every live process, all at once.
    pub async fn kill_all(&self) {
        let live: Vec<ProcessHandle> = {
            let names = self.names();
            names.iter().flat_map(Names::all).filter(|p| p.is_live()).cloned().collect()
        };
        // One that has ended meanwhile is as dead as the others.
        join_all(live.iter().map(|process| process.ask(ActorMessage::Kill))).await;
    }

    /// Kills a process if it lives and starts it again, with a new configuration or the last one.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, otherwise those of `spawn`.
    pub async fn restart(
        &self,
        name: &str,
        config: Option<SpawnConfig>,
    ) -> Result<ProcessInfo, Error> {
        let plan = match config {
            Some(config) => Plan::new(config)?,
            None => self.last_plan(name).await?,
        };
        let process = self.enter(|names| names.reserve_to_replace(name))?;
        Self::begin(&process, plan, true).await
    }

    /// The configuration of the last start; one that is under way is waited for.
    async fn last_plan(&self, name: &str) -> Result<Plan, Error> {
        let process = self.process(name)?;
        if process.last_plan().is_none() {
            process.ask(ActorMessage::Settle).await.map(drop)?;
        }
        process.last_plan().ok_or_else(|| Error::NotFound(name.to_owned()))
    }

    /// Forgets a process that has exited; its subscribers end.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::StillRunning`] for a live process.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.names().as_mut().ok_or(Error::ShutDown)?.remove(name)?;
        self.changes.tell();
        Ok(())
    }

    /// All processes, live and exited, by name.
    #[must_use]
    pub fn list(&self) -> Vec<ProcessInfo> {
        let mut list: Vec<_> =
            self.names().iter().flat_map(Names::all).map(ProcessHandle::info).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// One process, live or exited.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name.
    pub fn status(&self, name: &str) -> Result<ProcessInfo, Error> {
        Ok(self.process(name)?.info())
    }

    /// Whether a process of this name is starting, runs, or waits to be started again by its restart policy.
    #[must_use]
    pub fn is_live(&self, name: &str) -> bool {
        self.process(name).is_ok_and(|process| process.has_actor() && process.is_live())
    }

    /// What a process was last started with.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] for one that has only just been
    /// asked for.
    pub fn config(&self, name: &str) -> Result<SpawnConfig, Error> {
        let plan = self.process(name)?.last_plan();
        plan.map(|plan| plan.config).ok_or_else(|| Error::NotRunning(name.to_owned()))
    }

    /// Tells when [`Supervisor::list`] would answer something else than before.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.changes.watch()
    }

    /// What every process that runs takes of the machine, by name; empty after
    /// [`Supervisor::shutdown`]. Costs something only when it is called, and takes a tenth of a second
    /// when an embedded process is too busy to answer. Processor time is counted since the last call,
    /// whoever made it.
    pub async fn usage(&self) -> Vec<Usage> {
        let mut subjects: Vec<_> =
            self.names().iter().flat_map(Names::all).filter_map(ProcessHandle::subject).collect();
        subjects.sort_by(|a, b| a.name.cmp(&b.name));
        let meters = self.meters.clone();
        self.keeper.run(async move { meters.read(subjects).await }).await.unwrap_or_default()
    }

    /// Which runtimes there are: the embedded engine first, then deno, bun and node. In a build without the
    /// engine it is listed too, as not available.
    ///
    /// # Errors
    /// [`Error::ShutDown`] after [`Supervisor::shutdown`].
    pub async fn detect_runtimes(&self) -> Result<Vec<RuntimeInfo>, Error> {
        let host = self.host.clone();
        let mut found = self.keeper.run(async move { host.detector.detect_all().await }).await?;
        found.insert(0, embedded_info());
        Ok(found)
    }

    /// Uses `path` for `runtime` from now on; `None` goes back to looking for it.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] unless `runtime` is deno, bun or node, [`Error::Path`] when `path` is
    /// not an executable file; nothing changes then.
    pub fn set_runtime_path(&self, runtime: Runtime, path: Option<PathBuf>) -> Result<(), Error> {
        self.host.detector.set_path(runtime, path)
    }

    /// The paths that were set, by runtime.
    #[must_use]
    pub fn runtime_paths(&self) -> BTreeMap<String, PathBuf> {
        self.host.detector.paths()
    }

    /// Kills every process, waits for it, and takes no more calls.
    pub async fn shutdown(&self) {
        let names = self.names().take();
        // An error says that its thread is gone, and with it all that could be ended.
        let _ = self.keeper.run(Self::end(self.host.clone(), names)).await;
        self.host.bundled.remove();
        self.changes.end();
    }

    async fn end(host: Arc<Host>, names: Option<Names>) {
        // An actor that is gone has nothing left to end.
        let processes = names.iter().flat_map(Names::all);
        let ends = join_all(processes.map(|process| process.ask(ActorMessage::Shutdown)));
        tokio::join!(ends, host.close());
    }

    /// Takes the name before anything is started for it.
    fn reserve(&self, name: &str) -> Result<ProcessHandle, Error> {
        self.enter(|names| names.reserve(name))
    }

    fn enter(
        &self,
        reserve: impl FnOnce(&mut Names) -> Result<Reserved, Error>,
    ) -> Result<ProcessHandle, Error> {
        let mut names = self.names();
        let Reserved { process, mailbox } = reserve(names.as_mut().ok_or(Error::ShutDown)?)?;
        let Some(mailbox) = mailbox else { return Ok(process) };
        let actor = Actor::new(process.clone(), self.host.clone(), mailbox);
        self.keeper.spawn(actor.run());
        drop(names);
        self.changes.tell();
        Ok(process)
    }

    async fn begin(
        process: &ProcessHandle,
        plan: Plan,
        replace: bool,
    ) -> Result<ProcessInfo, Error> {
        process
            .ask(|reply| ActorMessage::Start(Box::new(StartRequest { plan, replace, reply })))
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
        self.keeper.finish(Self::end(self.host.clone(), names), SHUTDOWN);
        self.host.bundled.remove();
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
