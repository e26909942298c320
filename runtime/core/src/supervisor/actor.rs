//! The actor of one named process. Owns its state machine over all generations.
//!
//! All other code has a [`ProcessHandle`], which sends messages and reads published state. The actor reports exactly
//! one exit per generation, after the last line of output.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::backend::running::Running;
use crate::backend::start::{self, Host};
use crate::error::Error;
use crate::generation::plan::Plan;
use crate::generation::{Exit, Launch};
use crate::supervisor::handle::{ActorMessage, ProcessHandle, Reply, StartRequest};
use crate::supervisor::restart::Retries;
use crate::wire::{ExitReason, ProcessInfo, State};

/// The longest grace of a process while the supervisor shuts down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// How long a killed start may take to end beyond its grace. Then it is abandoned.
const START_END_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Actor {
    process: ProcessHandle,
    host: Arc<Host>,
    mailbox: mpsc::UnboundedReceiver<ActorMessage>,
    /// The current generation, or the last one.
    generation: u64,
    /// Whether the exit of the generation was not reported yet.
    is_live: bool,
    retries: Retries,
    /// Callers that wait until no start, end or restart back-off is in progress. May wait over several generations.
    idle_waiters: Vec<Reply<Option<ProcessInfo>>>,
}

/// The next step of the actor's main loop.
enum Next {
    Start(Box<StartRequest>),
    /// Restarts by policy after a back-off.
    Retry(Arc<Plan>, Duration),
    Idle,
    End,
}

/// Requests that arrived during a generation.
#[derive(Default)]
struct PendingRequests {
    kill_replies: VecDeque<Reply<()>>,
    started: bool,
    stopping: bool,
    /// Whether no generation may follow.
    is_last: bool,
    next_start: Option<Box<StartRequest>>,
}

impl PendingRequests {
    /// The grace of a kill; shorter if the application ends.
    fn grace(&self, plan: &Plan) -> Duration {
        if self.is_last { plan.kill_grace.min(SHUTDOWN_GRACE) } else { plan.kill_grace }
    }
}

impl Drop for Actor {
    /// Reports the exit of a generation that is still live: the actor has panicked, or the supervisor's thread ends.
    fn drop(&mut self) {
        // Closed before the name is released: the next start must create a new actor.
        self.mailbox.close();
        if self.is_live {
            let reason = if std::thread::panicking() {
                lost_exit().reason
            } else {
                ExitReason::HostShutdown
            };
            self.process.exited(self.generation, &reason, None, false);
        }
        self.process.close();
    }
}

impl Actor {
    pub(crate) fn new(
        process: ProcessHandle,
        host: Arc<Host>,
        mailbox: mpsc::UnboundedReceiver<ActorMessage>,
    ) -> Self {
        // A new process is listed with its next generation.
        let generation = process.info().generation - 1;
        let retries = Retries::default();
        Self {
            process,
            host,
            mailbox,
            generation,
            is_live: false,
            retries,
            idle_waiters: Vec::new(),
        }
    }

    /// Runs until the process is removed or the supervisor shuts down.
    pub(crate) async fn run(mut self) {
        let mut next = Next::Idle;
        loop {
            next = match next {
                Next::Start(start) => {
                    self.retries.reset();
                    self.run_generation(start.plan, Some(start.reply)).await
                }
                Next::Retry(plan, wait) => self.wait_to_retry(plan, wait).await,
                Next::Idle => {
                    self.answer_idle_waiters(None);
                    match self.mailbox.recv().await {
                        Some(message) => self.handle_idle(message),
                        None => Next::End,
                    }
                }
                Next::End => break,
            };
        }
    }

    fn handle_idle(&mut self, message: ActorMessage) -> Next {
        match message {
            ActorMessage::Start(start) => return Next::Start(start),
            ActorMessage::Kill(reply) => {
                answer(Some(reply), Err(Error::NotRunning(self.process.name())));
            }
            ActorMessage::AwaitIdle(reply) => answer(Some(reply), Ok(None)),
            ActorMessage::Remove => return Next::End,
            ActorMessage::Shutdown(reply) => {
                answer(Some(reply), Ok(()));
                return Next::End;
            }
        }
        Next::Idle
    }

    /// Waits for the back-off. Meanwhile the process can be killed or started.
    async fn wait_to_retry(&mut self, plan: Arc<Plan>, wait: Duration) -> Next {
        let mut deadline = std::pin::pin!(tokio::time::sleep(wait));
        loop {
            let message = tokio::select! {
                biased;
                message = self.mailbox.recv() => message,
                () = &mut deadline => return self.run_generation(plan, None).await,
            };
            match message {
                // Answered after the restart.
                Some(ActorMessage::AwaitIdle(reply)) => self.idle_waiters.push(reply),
                Some(ActorMessage::Kill(reply)) => {
                    self.process.release();
                    answer(Some(reply), Ok(()));
                    return Next::Idle;
                }
                // The name stays reserved for the next generation.
                Some(ActorMessage::Start(start)) => return Next::Start(start),
                Some(message) => {
                    self.process.release();
                    return self.handle_idle(message);
                }
                None => return Next::End,
            }
        }
    }

    /// Runs one generation, from `starting` to `exited`.
    async fn run_generation(&mut self, plan: Arc<Plan>, reply: Option<Reply<ProcessInfo>>) -> Next {
        self.generation += 1;
        self.is_live = true;
        let requested_at = Instant::now();
        let launch = self.process.start_generation(self.generation, self.retries.count(), &plan);
        let mut pending = PendingRequests::default();
        let failure = match self.start(&launch, &plan, &mut pending).await {
            Ok(running) => {
                // A process that was killed while it started stays `stopping`.
                let (reply, killed) = if pending.stopping {
                    (reply, Some(self.killed_error()))
                } else {
                    self.process.set_running(&running, &launch, requested_at.elapsed());
                    answer(reply, Ok(self.process.info()));
                    (None, None)
                };
                let exit = self.supervise(running, &plan, &mut pending).await;
                launch.input.break_pipe();
                let next = self.finish(plan, exit, pending, requested_at.elapsed());
                if let Some(killed) = killed {
                    answer(reply, Err(killed));
                }
                return next;
            }
            Err(failure) => failure,
        };
        launch.input.break_pipe();
        let reason = ExitReason::StartFailed { message: failure.to_string() };
        let next = self.finish(plan, Exit { reason, code: None }, pending, requested_at.elapsed());
        // Sent after the name is released, so that the caller can start it again.
        answer(reply, Err(failure));
        next
    }

    /// Starts the backend. A kill cancels detection of runtimes and reading of sources at once; after the backend
    /// itself was started, the kill ends the backend.
    async fn start(
        &mut self,
        launch: &Launch,
        plan: &Plan,
        pending: &mut PendingRequests,
    ) -> Result<Running, Error> {
        let host = self.host.clone();
        let mut start = std::pin::pin!(start::start(&host, launch));
        let mut timeout = std::pin::pin!(tokio::time::sleep(plan.start_timeout));
        loop {
            tokio::select! {
                biased;
                Some(message) = self.mailbox.recv() => {
                    self.handle_while_live(message, pending);
                    if pending.stopping {
                        let grace = pending.grace(plan);
                        if !launch.cancel(grace) {
                            return Err(self.killed_error());
                        }
                        timeout.as_mut().reset(tokio::time::Instant::now() + grace + START_END_TIMEOUT);
                    }
                }
                started = &mut start => return started,
                () = &mut timeout => return Err(if pending.stopping {
                    self.killed_error()
                } else {
                    self.timeout_error(plan.start_timeout)
                }),
            }
        }
    }

    /// Handles messages until the backend exits.
    async fn supervise(
        &mut self,
        mut running: Running,
        plan: &Plan,
        pending: &mut PendingRequests,
    ) -> Exit {
        pending.started = true;
        loop {
            if pending.stopping {
                running.stopper.stop(pending.grace(plan));
            } else {
                self.answer_idle_waiters(Some(&self.process.info()));
            }
            tokio::select! {
                biased;
                Some(message) = self.mailbox.recv() => self.handle_while_live(message, pending),
                exit = &mut running.exit => return exit.unwrap_or_else(|_| lost_exit()),
                responds = Running::response_changes(&mut running.responds) => {
                    self.set_responsive(responds, pending);
                }
            }
        }
    }

    fn handle_while_live(&mut self, message: ActorMessage, pending: &mut PendingRequests) {
        match message {
            ActorMessage::Kill(reply) => {
                // A kill cancels a requested restart.
                if let Some(start) = pending.next_start.take() {
                    let _ = start.reply.send(Err(self.killed_error()));
                }
                pending.kill_replies.push_back(reply);
            }
            ActorMessage::Start(start) if start.replace => {
                if let Some(earlier) = pending.next_start.replace(start) {
                    let _ = earlier.reply.send(Err(self.killed_error()));
                }
            }
            ActorMessage::Start(start) => {
                let name = self.process.name();
                let _ = start.reply.send(Err(Error::AlreadyExists(name)));
                return;
            }
            ActorMessage::AwaitIdle(reply) if pending.stopping || !pending.started => {
                return self.idle_waiters.push(reply);
            }
            ActorMessage::AwaitIdle(reply) => {
                return answer(Some(reply), Ok(Some(self.process.info())));
            }
            ActorMessage::Remove => pending.is_last = true,
            ActorMessage::Shutdown(reply) => {
                pending.is_last = true;
                pending.kill_replies.push_back(reply);
            }
        }
        if !pending.stopping {
            pending.stopping = true;
            self.process.set_state(self.generation, State::Stopping);
        }
    }

    /// Answers the callers that wait for an idle actor.
    fn answer_idle_waiters(&mut self, running: Option<&ProcessInfo>) {
        for waiter in self.idle_waiters.drain(..) {
            answer(Some(waiter), Ok(running.cloned()));
        }
    }

    fn set_responsive(&self, is_responsive: bool, pending: &PendingRequests) {
        if !pending.stopping {
            let state = if is_responsive { State::Running } else { State::Unresponsive };
            self.process.set_state(self.generation, state);
        }
    }

    fn timeout_error(&self, limit: Duration) -> Error {
        let limit = limit.as_millis();
        let message = format!("it did not start within {limit} ms (limits.startTimeoutMs)");
        Error::StartFailed { name: self.process.name(), message }
    }

    fn killed_error(&self) -> Error {
        Error::StartFailed {
            name: self.process.name(),
            message: "it was killed or restarted again before it could start".to_owned(),
        }
    }

    fn finish(
        &mut self,
        plan: Arc<Plan>,
        exit: Exit,
        pending: PendingRequests,
        uptime: Duration,
    ) -> Next {
        let reason = match exit.reason {
            // The kill did not cause this exit.
            reason @ (ExitReason::Unresponsive | ExitReason::Crashed { .. }) => reason,
            _ if pending.is_last => ExitReason::HostShutdown,
            _ if pending.stopping => ExitReason::Killed { signal: None },
            reason => reason,
        };
        let retry = if pending.stopping {
            None
        } else {
            self.retries.next_backoff(plan.restart, &reason, exit.code, uptime)
        };
        let continues = retry.is_some() || pending.next_start.is_some();
        self.is_live = false;
        self.process.exited(self.generation, &reason, exit.code, continues);
        for reply in pending.kill_replies {
            answer(Some(reply), Ok(()));
        }
        match (pending.is_last, pending.next_start, retry) {
            (true, ..) => Next::End,
            (_, Some(start), _) => Next::Start(start),
            (_, None, Some(wait)) => Next::Retry(plan, wait),
            (_, None, None) => Next::Idle,
        }
    }
}

/// The exit of a process whose task or actor ended without a report, which only a panic can cause.
fn lost_exit() -> Exit {
    let message = "the engine lost the process".to_owned();
    Exit { reason: ExitReason::Error { message, stack: None }, code: None }
}

fn answer<T>(reply: Option<Reply<T>>, result: Result<T, Error>) {
    if let Some(reply) = reply {
        // The caller may have given up.
        let _: Result<(), _> = oneshot::Sender::send(reply, result);
    }
}
