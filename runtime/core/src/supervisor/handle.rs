//! What everyone but the actor holds of a process: its published state and its doors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot};

use crate::backend::launch::Launch;
use crate::backend::plan::Plan;
use crate::backend::running::Running;
use crate::backend::usage::{MeteredProcess, UsageSource};
use crate::error::Error;
use crate::io::event::{Event, Stream};
use crate::io::history::{History, Subscription, WhenSlow};
use crate::io::line_writer::LineWriters;
use crate::io::stdin::Stdin;
use crate::io::stdin_queue::StdinQueue;
use crate::supervisor::changes::ChangeNotifier;
use crate::wire::{ExitReason, ProcessInfo, State};

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// Everything that can be asked of the actor.
pub(crate) enum ActorMessage {
    Start(Box<StartRequest>),
    Kill(Reply<()>),
    /// Answered with what runs, once no start, end or wait for a restart is under way; `None` if nothing does.
    Settle(Reply<Option<ProcessInfo>>),
    /// Forget the entry.
    Remove,
    Shutdown(Reply<()>),
}

pub(crate) struct StartRequest {
    pub(crate) plan: Plan,
    /// Whether a live generation is to be ended for it.
    pub(crate) replace: bool,
    /// Answered with the process as it is when its script begins to run.
    pub(crate) reply: Reply<ProcessInfo>,
}

/// A handle that can only send and look; clones share the process.
#[derive(Clone)]
pub(crate) struct ProcessHandle(Arc<Shared>);

struct Shared {
    commands: mpsc::UnboundedSender<ActorMessage>,
    output: History,
    /// Taken by whoever may start the next generation; this is what makes a name start only once.
    live: AtomicBool,
    /// When the name was last free again, as a number that grows with each such moment of any process.
    released: AtomicU64,
    changes: ChangeNotifier,
    published: Mutex<Published>,
}

/// Written by the actor, read by everyone; never locked across a wait.
struct Published {
    info: ProcessInfo,
    input: Option<StdinQueue>,
    /// There while something runs.
    meter: Option<UsageSource>,
    /// For a restart without a configuration.
    last_plan: Option<Plan>,
}

impl ProcessHandle {
    /// One whose first generation follows `last`.
    pub(crate) fn new(
        name: &str,
        last: u64,
        changes: ChangeNotifier,
    ) -> (Self, mpsc::UnboundedReceiver<ActorMessage>) {
        let (commands, mailbox) = mpsc::unbounded_channel();
        let info = ProcessInfo {
            name: name.to_owned(),
            pid: None,
            running: false,
            runtime: None,
            state: State::Starting,
            // The one to come: a name is taken only to start it.
            generation: last + 1,
            restarts: 0,
            start_ms: None,
            started_at: None,
        };
        let shared = Shared {
            commands,
            output: History::new(0),
            live: AtomicBool::new(false),
            released: AtomicU64::new(0),
            changes,
            published: Mutex::new(Published { info, input: None, meter: None, last_plan: None }),
        };
        (Self(Arc::new(shared)), mailbox)
    }

    pub(crate) fn info(&self) -> ProcessInfo {
        self.published().info.clone()
    }

    /// What to measure, while there is something.
    pub(crate) fn subject(&self) -> Option<MeteredProcess> {
        let published = self.published();
        let meter = published.meter.clone()?;
        let ProcessInfo { name, generation, .. } = &published.info;
        Some(MeteredProcess { name: name.clone(), generation: *generation, meter })
    }

    pub(crate) fn name(&self) -> String {
        self.published().info.name.clone()
    }

    pub(crate) fn last_plan(&self) -> Option<Plan> {
        self.published().last_plan.clone()
    }

    /// Whether the caller may start a generation now; afterwards nobody else may.
    pub(crate) fn reserve(&self) -> bool {
        !self.0.live.swap(true, Ordering::AcqRel)
    }

    /// Gives a reservation back.
    pub(crate) fn release(&self) {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        self.0.released.store(COUNT.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.0.live.store(false, Ordering::Release);
    }

    /// Orders processes by when they exited; 0 for one that has not.
    pub(crate) fn released(&self) -> u64 {
        self.0.released.load(Ordering::Relaxed)
    }

    /// Whether something can still be asked of it. An actor that has panicked is gone.
    pub(crate) fn has_actor(&self) -> bool {
        !self.0.commands.is_closed()
    }

    pub(crate) fn is_live(&self) -> bool {
        self.0.live.load(Ordering::Acquire)
    }

    pub(crate) fn subscribe(&self, when_slow: WhenSlow, backlog: bool) -> Subscription {
        self.0.output.subscribe(when_slow, backlog)
    }

    pub(crate) fn subscribe_held(&self, after: Option<u64>) -> Subscription {
        self.0.output.subscribe_held(after)
    }

    /// Fails only when the actor is gone.
    pub(crate) fn send(&self, command: ActorMessage) -> Result<(), Error> {
        self.0.commands.send(command).map_err(|_| Error::NotFound(self.name()))
    }

    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> ActorMessage,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply))?;
        answer.await.map_err(|_| Error::NotFound(self.name()))?
    }

    /// Nobody reads that stream any more.
    pub(crate) fn close_output(&self, stream: Stream) -> Result<(), Error> {
        self.stdin(None)?;
        self.0.output.close_stream(stream);
        Ok(())
    }

    /// Sends a signal to it, and to nothing that it started.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: i32) -> Result<(), Error> {
        let meter = self.published().meter.clone();
        meter.ok_or_else(|| Error::NotRunning(self.name()))?.signal(signal);
        Ok(())
    }

    /// The stdin of the present generation, if that is the one that is meant.
    pub(crate) fn stdin(&self, generation: Option<u64>) -> Result<Stdin, Error> {
        let published = self.published();
        let name = published.info.name.clone();
        let present = published.info.generation;
        if let Some(generation) = generation.filter(|&meant| meant != present) {
            return Err(Error::GenerationOver { name, generation });
        }
        match &published.input {
            Some(input) => Ok(Stdin { name, generation: present, input: input.clone() }),
            None => Err(Error::NotRunning(name)),
        }
    }

    /// Bytes written that the process has not read yet.
    pub(crate) fn queued(&self) -> usize {
        self.published().input.as_ref().map_or(0, StdinQueue::queued)
    }

    // From here on, only the actor calls.

    /// Publishes `starting` and makes what the new generation reads from and writes to.
    pub(crate) fn begin(&self, generation: u64, restarts: u32, plan: &Plan) -> Launch {
        self.0.live.store(true, Ordering::Release);
        let input = StdinQueue::new(plan.config.framing, plan.stdin_buffer, plan.line_limit);
        self.0.output.begin(generation, plan.stdout_buffer);
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
        Launch {
            name,
            config: plan.config.clone(),
            cwd: plan.cwd.clone(),
            input,
            sinks: LineWriters {
                output: self.0.output.clone(),
                generation,
                framing: plan.config.framing,
                line_limit: plan.line_limit,
            },
            begun: parking_lot::Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }

    pub(crate) fn running(&self, running: &Running, launch: &Launch, took: Duration) {
        // An isolate's own, or a child's and the supervisor's.
        self.0.output.comes_of(if running.pid.is_none() { 1 } else { 2 });
        {
            let mut published = self.published();
            published.meter.clone_from(&running.meter);
            published.info.pid = running.pid;
            published.info.runtime = running.runtime;
            published.info.start_ms = Some(took.as_secs_f64() * 1000.0);
            published.info.started_at = Some(unix_ms());
        }
        self.set_state(launch.sinks.generation, State::Running);
    }

    pub(crate) fn set_state(&self, generation: u64, state: State) {
        {
            let mut published = self.published();
            published.info.running = state.is_running();
            published.info.state = state.clone();
        }
        self.0.output.push_now(generation, Event::State(state));
        self.0.changes.tell();
    }

    /// The one report of a generation's end. `goes_on` keeps the name taken for the next one.
    pub(crate) fn exited(
        &self,
        generation: u64,
        reason: ExitReason,
        code: Option<i32>,
        goes_on: bool,
    ) {
        self.0.output.cut_off(generation);
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
        self.0.output.push_now(generation, Event::Exit { reason, code });
        // Last: whoever takes the name now begins after this event.
        if !goes_on {
            self.release();
        }
        self.0.changes.tell();
    }

    /// The name is gone: subscribers end.
    pub(crate) fn close(&self) {
        self.0.output.close();
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.0.published.lock()
    }
}

/// A clock that is set before 1970 is as good as one at 1970.
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
