//! A handle to a process: sends messages to its actor and reads its published state.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot};

use crate::backend::running::Running;
use crate::backend::usage::{MeteredProcess, UsageSource};
use crate::error::Error;
use crate::generation::Launch;
use crate::generation::plan::Plan;
use crate::io::event::{Event, Stream};
use crate::io::frame_sink::FrameSink;
use crate::io::history::{Backpressure, History, Subscription};
use crate::io::line_writer::LineWriters;
use crate::io::stdin::Stdin;
use crate::io::stdin_queue::StdinQueue;
use crate::rpc::{Endpoint, Hub};
use crate::supervisor::changes::ChangeNotifier;
use crate::wire::{ExitReason, ProcessInfo, State};

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// Messages to the actor.
pub(crate) enum ActorMessage {
    Start(Box<StartRequest>),
    Kill(Reply<()>),
    /// Answered when no start, end or restart back-off is in progress: with the running process, or with `None`.
    AwaitIdle(Reply<Option<ProcessInfo>>),
    /// Ends the actor of a process that was removed.
    Remove,
    Shutdown(Reply<()>),
}

pub(crate) struct StartRequest {
    pub(crate) plan: Arc<Plan>,
    /// Whether a live generation is ended first.
    pub(crate) replace: bool,
    /// Answered when the script runs.
    pub(crate) reply: Reply<ProcessInfo>,
}

/// A handle to a process; clones share it.
#[derive(Clone)]
pub(crate) struct ProcessHandle(Arc<Shared>);

struct Shared {
    messages: mpsc::UnboundedSender<ActorMessage>,
    history: History,
    /// Whether the name is reserved. Reserving is atomic, so that only one of several callers starts the process.
    is_reserved: AtomicBool,
    /// Orders processes by their last release; the counter is global.
    last_release: AtomicU64,
    changes: ChangeNotifier,
    published: Mutex<Published>,
    /// The RPC endpoint of Rust, if it has one.
    endpoint: OnceLock<Arc<Endpoint>>,
}

/// State that the actor publishes; never locked across an await.
struct Published {
    info: ProcessInfo,
    input: Option<StdinQueue>,
    /// `Some` while the process runs.
    meter: Option<UsageSource>,
    /// For a restart without a configuration.
    last_plan: Option<Arc<Plan>>,
}

impl ProcessHandle {
    /// Creates a process whose first generation is `last + 1`, and the mailbox of its actor.
    pub(crate) fn new(
        name: &str,
        last: u64,
        changes: ChangeNotifier,
        spins: bool,
    ) -> (Self, mpsc::UnboundedReceiver<ActorMessage>) {
        let (messages, mailbox) = mpsc::unbounded_channel();
        let info = ProcessInfo {
            name: name.to_owned(),
            pid: None,
            running: false,
            runtime: None,
            state: State::Starting,
            // The next generation: a name is reserved only to start it.
            generation: last + 1,
            restarts: 0,
            start_ms: None,
            started_at: None,
        };
        let history = History::new(0);
        history.set_spins(spins);
        let shared = Shared {
            messages,
            history,
            is_reserved: AtomicBool::new(false),
            last_release: AtomicU64::new(0),
            changes,
            published: Mutex::new(Published { info, input: None, meter: None, last_plan: None }),
            endpoint: OnceLock::new(),
        };
        (Self(Arc::new(shared)), mailbox)
    }

    pub(crate) fn info(&self) -> ProcessInfo {
        self.published().info.clone()
    }

    /// The source of resource usage; `None` if the process does not run.
    pub(crate) fn metered_process(&self) -> Option<MeteredProcess> {
        let published = self.published();
        let meter = published.meter.clone()?;
        let ProcessInfo { name, generation, .. } = &published.info;
        Some(MeteredProcess { name: name.clone(), generation: *generation, source: meter })
    }

    pub(crate) fn name(&self) -> String {
        self.published().info.name.clone()
    }

    pub(crate) fn last_plan(&self) -> Option<Arc<Plan>> {
        self.published().last_plan.clone()
    }

    /// Reserves the name. Returns `false` if it is already reserved.
    pub(crate) fn reserve(&self) -> bool {
        !self.0.is_reserved.swap(true, Ordering::AcqRel)
    }

    /// Releases the name.
    pub(crate) fn release(&self) {
        static RELEASES: AtomicU64 = AtomicU64::new(1);
        self.0.last_release.store(RELEASES.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.0.is_reserved.store(false, Ordering::Release);
    }

    /// Orders processes by their last release; 0 before the first.
    pub(crate) fn last_release(&self) -> u64 {
        self.0.last_release.load(Ordering::Relaxed)
    }

    /// Whether the actor is running. It is not after a panic.
    pub(crate) fn has_actor(&self) -> bool {
        !self.0.messages.is_closed()
    }

    pub(crate) fn is_live(&self) -> bool {
        self.0.is_reserved.load(Ordering::Acquire)
    }

    pub(crate) fn subscribe(&self, backpressure: Backpressure, backlog: bool) -> Subscription {
        self.0.history.subscribe(backpressure, backlog)
    }

    pub(crate) fn subscribe_held(&self, after: Option<u64>) -> Subscription {
        self.0.history.subscribe_held(after)
    }

    /// Sends a message. Fails only if the actor is gone.
    pub(crate) fn send(&self, message: ActorMessage) -> Result<(), Error> {
        self.0.messages.send(message).map_err(|_| Error::NotFound(self.name()))
    }

    pub(crate) async fn request<T>(
        &self,
        message: impl FnOnce(Reply<T>) -> ActorMessage,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(message(reply))?;
        answer.await.map_err(|_| Error::NotFound(self.name()))?
    }

    /// Closes an output stream of the current generation.
    pub(crate) fn close_output(&self, stream: Stream) -> Result<(), Error> {
        self.stdin(None)?;
        self.0.history.close_stream(stream);
        Ok(())
    }

    /// Sends a signal to the process, but not to its children.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: i32) -> Result<(), Error> {
        let meter = self.published().meter.clone();
        meter.ok_or_else(|| Error::NotRunning(self.name()))?.signal(signal);
        Ok(())
    }

    /// The stdin of the current generation; fails if `generation` is another one.
    pub(crate) fn stdin(&self, generation: Option<u64>) -> Result<Stdin, Error> {
        let published = self.published();
        let name = published.info.name.clone();
        let current = published.info.generation;
        if let Some(generation) = generation.filter(|&requested| requested != current) {
            return Err(Error::GenerationOver { name, generation });
        }
        match &published.input {
            Some(input) => Ok(Stdin { name, generation: current, input: input.clone() }),
            None => Err(Error::NotRunning(name)),
        }
    }

    /// The RPC endpoint of Rust. The thread of the hub runs.
    pub(crate) fn endpoint(&self, hub: &Arc<Hub>) -> Arc<Endpoint> {
        let endpoint = self.0.endpoint.get_or_init(|| {
            let process = Arc::downgrade(&self.0);
            let name = self.name();
            let removed = name.clone();
            let stdin = move || match process.upgrade() {
                Some(process) => Self(process).stdin(None),
                None => Err(Error::NotFound(removed.clone())),
            };
            Endpoint::new(name, hub, Box::new(stdin), self.0.history.downgrade())
        });
        let sink: Arc<dyn FrameSink> = endpoint.clone();
        self.0.history.set_frame_sink(Arc::downgrade(&sink));
        endpoint.clone()
    }

    /// The stdin queue of the current generation.
    pub(crate) fn input(&self) -> Result<StdinQueue, Error> {
        let input = self.published().input.clone();
        input.ok_or_else(|| Error::NotRunning(self.name()))
    }

    /// Bytes in the stdin queue.
    pub(crate) fn queued_stdin(&self) -> usize {
        self.published().input.as_ref().map_or(0, StdinQueue::queued)
    }

    // The methods below are only for the actor.

    /// Publishes `starting`, and creates the stdin queue and the line writers of the new generation.
    pub(crate) fn start_generation(
        &self,
        generation: u64,
        restarts: u32,
        plan: &Arc<Plan>,
    ) -> Launch {
        self.0.is_reserved.store(true, Ordering::Release);
        let input = StdinQueue::new(plan.config.framing, plan.stdin_buffer, plan.line_limit);
        self.0.history.start_generation(generation, plan.stdout_buffer);
        let name = {
            let mut published = self.published();
            published.last_plan = Some(plan.clone());
            published.input = Some(input.clone());
            let info = &mut published.info;
            info.generation = generation;
            info.restarts = restarts;
            info.pid = None;
            info.runtime = None;
            info.start_ms = None;
            info.started_at = None;
            info.name.clone()
        };
        self.set_state(generation, State::Starting);
        let writers = LineWriters {
            history: self.0.history.clone(),
            generation,
            framing: plan.config.framing,
            line_limit: plan.line_limit,
        };
        Launch::new(name, plan.clone(), input, writers)
    }

    pub(crate) fn set_running(&self, running: &Running, launch: &Launch, took: Duration) {
        // The isolate's thread; or the child and the supervisor's thread.
        self.0.history.set_answering_threads(if running.pid.is_none() { 1 } else { 2 });
        {
            let mut published = self.published();
            published.meter.clone_from(&running.usage_source);
            published.info.pid = running.pid;
            published.info.runtime = running.runtime;
            published.info.start_ms = Some(took.as_secs_f64() * 1000.0);
            published.info.started_at = Some(unix_ms());
        }
        self.set_state(launch.writers.generation, State::Running);
    }

    pub(crate) fn set_state(&self, generation: u64, state: State) {
        {
            let mut published = self.published();
            published.info.running = state.is_running();
            published.info.state = state.clone();
        }
        self.0.history.push_now(generation, Event::State(state));
        self.0.changes.notify();
    }

    /// Publishes the exit of a generation, once. With `continues` the name stays reserved for the next generation.
    pub(crate) fn exited(
        &self,
        generation: u64,
        reason: &ExitReason,
        code: Option<i32>,
        continues: bool,
    ) {
        self.0.history.cut_off(generation);
        let input = {
            let mut published = self.published();
            published.meter = None;
            let info = &mut published.info;
            info.pid = None;
            info.running = false;
            info.state = State::Exited { reason: reason.clone(), code };
            published.input.take()
        };
        if let Some(input) = input {
            input.break_pipe();
        }
        self.0.history.push_now(generation, Event::Exit { reason: reason.clone(), code });
        if let Some(endpoint) = self.0.endpoint.get() {
            endpoint.exited(generation, reason, code);
        }
        // Released last, so that the next generation starts after the exit event.
        if !continues {
            self.release();
        }
        self.0.changes.notify();
    }

    /// Ends all subscriptions after the process was removed.
    pub(crate) fn close(&self) {
        self.0.history.close();
        if let Some(endpoint) = self.0.endpoint.get() {
            endpoint.removed();
        }
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.0.published.lock()
    }
}

/// Milliseconds since the Unix epoch. Clamps to the epoch.
fn unix_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
