//! The actor of one named process. Owns its state machine over all generations.
//!
//! All other code has a [`ProcessHandle`], which sends messages and reads published state. The actor reports exactly
//! one exit per generation, after the last line of output.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::backend::launch::Launch;
use crate::backend::plan::Plan;
use crate::backend::running::{Exit, Running};
use crate::backend::start::{self, Host};
use crate::error::Error;
use crate::supervisor::handle::{ActorMessage, ProcessHandle, Reply, StartRequest};
use crate::supervisor::restart::Retries;
use crate::wire::{ExitReason, ProcessInfo, State};

/// The longest grace of a process while the supervisor shuts down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// How long a killed start may take to end beyond its grace. Then it is abandoned.
const END_OF_START: Duration = Duration::from_secs(10);

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
    settlers: Vec<Reply<Option<ProcessInfo>>>,
}

/// The next step of the actor's main loop.
enum Next {
    Start(Box<StartRequest>),
    /// Restarts by policy after a back-off.
    Retry(Box<Plan>, Duration),
    Rest,
    End,
}

/// Requests that arrived during a generation.
#[derive(Default)]
struct PendingRequests {
    killers: VecDeque<Reply<()>>,
    started: bool,
    stopping: bool,
    /// Whether no generation may follow.
    last: bool,
    then: Option<Box<StartRequest>>,
}

impl PendingRequests {
    /// The grace of a kill; shorter if the application ends.
    fn grace(&self, plan: &Plan) -> Duration {
        if self.last { plan.kill_grace.min(SHUTDOWN_GRACE) } else { plan.kill_grace }
    }
}

impl Drop for Actor {
    /// Reports the exit of a generation that is still live: the actor has panicked, or the supervisor's thread ends.
    fn drop(&mut self) {
        // Closed before the name is released: the next start must create a new actor.
        self.mailbox.close();
        if self.is_live {
            let reason =
                if std::thread::panicking() { lost().reason } else { ExitReason::HostShutdown };
            self.process.exited(self.generation, reason, None, false);
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
        Self { process, host, mailbox, generation, is_live: false, retries, settlers: Vec::new() }
    }

    /// Runs until the process is removed or the supervisor shuts down.
    pub(crate) async fn run(mut self) {
        let mut next = Next::Rest;
        loop {
            next = match next {
                Next::Start(start) => {
                    self.retries.reset();
                    self.live(start.plan, Some(start.reply)).await
                }
                Next::Retry(plan, wait) => self.wait_to_retry(*plan, wait).await,
                Next::Rest => {
                    self.settle(None);
                    match self.mailbox.recv().await {
                        Some(command) => self.at_rest(command),
                        None => Next::End,
                    }
                }
                Next::End => break,
            };
        }
    }

    fn at_rest(&mut self, command: ActorMessage) -> Next {
        match command {
            ActorMessage::Start(start) => return Next::Start(start),
            ActorMessage::Kill(reply) => {
                answer(Some(reply), Err(Error::NotRunning(self.process.name())));
            }
            ActorMessage::Settle(reply) => answer(Some(reply), Ok(None)),
            ActorMessage::Remove => return Next::End,
            ActorMessage::Shutdown(reply) => {
                answer(Some(reply), Ok(()));
                return Next::End;
            }
        }
        Next::Rest
    }

    /// Waits for the back-off. Meanwhile the process can be killed or started.
    async fn wait_to_retry(&mut self, plan: Plan, wait: Duration) -> Next {
        let mut deadline = std::pin::pin!(tokio::time::sleep(wait));
        loop {
            let command = tokio::select! {
                biased;
                command = self.mailbox.recv() => command,
                () = &mut deadline => return self.live(plan, None).await,
            };
            match command {
                // Answered after the restart.
                Some(ActorMessage::Settle(reply)) => self.settlers.push(reply),
                Some(ActorMessage::Kill(reply)) => {
                    self.process.release();
                    answer(Some(reply), Ok(()));
                    return Next::Rest;
                }
                // The name stays reserved for the next generation.
                Some(ActorMessage::Start(start)) => return Next::Start(start),
                Some(command) => {
                    self.process.release();
                    return self.at_rest(command);
                }
                None => return Next::End,
            }
        }
    }

    /// Runs one generation, from `starting` to `exited`.
    async fn live(&mut self, plan: Plan, reply: Option<Reply<ProcessInfo>>) -> Next {
        self.generation += 1;
        self.is_live = true;
        let asked_at = Instant::now();
        let launch = self.process.begin(self.generation, self.retries.count(), &plan);
        let mut asked = PendingRequests::default();
        let failure = match self.start(&launch, &plan, &mut asked).await {
            Ok(running) => {
                // A process that was killed while it started stays `stopping`.
                let (reply, killed) = if asked.stopping {
                    (reply, Some(self.killed_meanwhile()))
                } else {
                    self.process.running(&running, &launch, asked_at.elapsed());
                    answer(reply, Ok(self.process.info()));
                    (None, None)
                };
                let exit = self.attend(running, &plan, &mut asked).await;
                launch.input.break_pipe();
                let next = self.finish(plan, exit, asked, asked_at.elapsed());
                if let Some(killed) = killed {
                    answer(reply, Err(killed));
                }
                return next;
            }
            Err(failure) => failure,
        };
        launch.input.break_pipe();
        let reason = ExitReason::StartFailed { message: failure.to_string() };
        let next = self.finish(plan, Exit { reason, code: None }, asked, asked_at.elapsed());
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
        asked: &mut PendingRequests,
    ) -> Result<Running, Error> {
        let host = self.host.clone();
        let mut start = std::pin::pin!(start::start(&host, launch));
        let mut give_up = std::pin::pin!(tokio::time::sleep(plan.start_timeout));
        loop {
            tokio::select! {
                biased;
                Some(command) = self.mailbox.recv() => {
                    self.while_live(command, asked);
                    if asked.stopping {
                        let grace = asked.grace(plan);
                        if !launch.end(grace) {
                            return Err(self.killed_meanwhile());
                        }
                        give_up.as_mut().reset(tokio::time::Instant::now() + grace + END_OF_START);
                    }
                }
                started = &mut start => return started,
                () = &mut give_up => return Err(if asked.stopping {
                    self.killed_meanwhile()
                } else {
                    self.too_slow(plan.start_timeout)
                }),
            }
        }
    }

    /// Handles messages until the backend exits.
    async fn attend(
        &mut self,
        mut running: Running,
        plan: &Plan,
        asked: &mut PendingRequests,
    ) -> Exit {
        asked.started = true;
        loop {
            if asked.stopping {
                running.stopper.stop(asked.grace(plan));
            } else {
                self.settle(Some(&self.process.info()));
            }
            tokio::select! {
                biased;
                Some(command) = self.mailbox.recv() => self.while_live(command, asked),
                exit = &mut running.exit => return exit.unwrap_or_else(|_| lost()),
                responds = Running::response_changes(&mut running.responds) => {
                    self.responds(responds, asked);
                }
            }
        }
    }

    fn while_live(&mut self, command: ActorMessage, asked: &mut PendingRequests) {
        match command {
            ActorMessage::Kill(reply) => {
                // A kill cancels a requested restart.
                if let Some(start) = asked.then.take() {
                    let _ = start.reply.send(Err(self.killed_meanwhile()));
                }
                asked.killers.push_back(reply);
            }
            ActorMessage::Start(start) if start.replace => {
                if let Some(earlier) = asked.then.replace(start) {
                    let _ = earlier.reply.send(Err(self.killed_meanwhile()));
                }
            }
            ActorMessage::Start(start) => {
                let name = self.process.name();
                let _ = start.reply.send(Err(Error::AlreadyExists(name)));
                return;
            }
            ActorMessage::Settle(reply) if asked.stopping || !asked.started => {
                return self.settlers.push(reply);
            }
            ActorMessage::Settle(reply) => {
                return answer(Some(reply), Ok(Some(self.process.info())));
            }
            ActorMessage::Remove => asked.last = true,
            ActorMessage::Shutdown(reply) => {
                asked.last = true;
                asked.killers.push_back(reply);
            }
        }
        if !asked.stopping {
            asked.stopping = true;
            self.process.set_state(self.generation, State::Stopping);
        }
    }

    /// Answers the callers that wait for an idle actor.
    fn settle(&mut self, running: Option<&ProcessInfo>) {
        for settler in self.settlers.drain(..) {
            answer(Some(settler), Ok(running.cloned()));
        }
    }

    fn responds(&self, responds: bool, asked: &PendingRequests) {
        if !asked.stopping {
            let state = if responds { State::Running } else { State::Unresponsive };
            self.process.set_state(self.generation, state);
        }
    }

    fn too_slow(&self, limit: Duration) -> Error {
        let limit = limit.as_millis();
        let message = format!("it did not start within {limit} ms (limits.startTimeoutMs)");
        Error::StartFailed { name: self.process.name(), message }
    }

    fn killed_meanwhile(&self) -> Error {
        Error::StartFailed {
            name: self.process.name(),
            message: "it was killed or restarted again before it could start".to_owned(),
        }
    }

    fn finish(&mut self, plan: Plan, exit: Exit, asked: PendingRequests, lived: Duration) -> Next {
        let reason = match exit.reason {
            // The kill did not cause this exit.
            reason @ (ExitReason::Unresponsive | ExitReason::Crashed { .. }) => reason,
            _ if asked.last => ExitReason::HostShutdown,
            _ if asked.stopping => ExitReason::Killed { signal: None },
            reason => reason,
        };
        let retry = if asked.stopping {
            None
        } else {
            self.retries.next_wait(plan.restart, &reason, exit.code, lived)
        };
        let goes_on = retry.is_some() || asked.then.is_some();
        self.is_live = false;
        self.process.exited(self.generation, reason, exit.code, goes_on);
        for killer in asked.killers {
            answer(Some(killer), Ok(()));
        }
        match (asked.last, asked.then, retry) {
            (true, ..) => Next::End,
            (_, Some(start), _) => Next::Start(start),
            (_, None, Some(wait)) => Next::Retry(Box::new(plan), wait),
            (_, None, None) => Next::Rest,
        }
    }
}

/// The exit of a process whose task or actor ended without a report, which only a panic can cause.
fn lost() -> Exit {
    let message = "the engine lost the process".to_owned();
    Exit { reason: ExitReason::Error { message, stack: None }, code: None }
}

fn answer<T>(reply: Option<Reply<T>>, result: Result<T, Error>) {
    if let Some(reply) = reply {
        // The caller may have given up.
        let _: Result<(), _> = oneshot::Sender::send(reply, result);
    }
}
