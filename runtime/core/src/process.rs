//! One named process: an actor that owns its state machine, generation after generation.
//!
//! Everyone else holds a [`Process`], which can only send. The actor reports exactly one exit for
//! every generation that it began, after the last line of output, whatever ended it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::backend::{self, Exit, Host, Launch, Running};
use crate::error::Error;
use crate::handle::{Command, Process, Reply, Start};
use crate::plan::Plan;
use crate::restart::Retries;
use crate::wire::{ExitReason, State};

/// The most grace that a process gets when the supervisor shuts down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

pub(crate) struct Actor {
    process: Process,
    host: Arc<Host>,
    mailbox: mpsc::UnboundedReceiver<Command>,
    generation: u64,
    retries: Retries,
}

/// What the actor does after a generation, or at rest.
enum Next {
    Start(Box<Start>),
    /// Start again by policy, after a wait.
    Retry(Box<Plan>, Duration),
    Rest,
    End,
}

/// What is asked of a generation while it lives.
#[derive(Default)]
struct Asked {
    killers: VecDeque<Reply<()>>,
    /// Who wants to know when a start or an end is no longer under way.
    settlers: Vec<Reply<()>>,
    started: bool,
    stopping: bool,
    /// No generation is to follow.
    last: bool,
    then: Option<Box<Start>>,
}

impl Asked {
    /// An application that ends does not wait long.
    fn grace(&self, plan: &Plan) -> Duration {
        if self.last { plan.kill_grace.min(SHUTDOWN_GRACE) } else { plan.kill_grace }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.process.close();
    }
}

impl Actor {
    pub(crate) fn new(
        process: Process,
        host: Arc<Host>,
        mailbox: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        Self { process, host, mailbox, generation: 0, retries: Retries::default() }
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
                Next::Rest => match self.mailbox.recv().await {
                    Some(command) => self.at_rest(command),
                    None => Next::End,
                },
                Next::End => break,
            };
        }
    }

    fn at_rest(&mut self, command: Command) -> Next {
        match command {
            Command::Start(start) => return Next::Start(start),
            Command::Kill(reply) => {
                answer(Some(reply), Err(Error::NotRunning(self.process.name())));
            }
            Command::Settle(reply) => answer(Some(reply), Ok(())),
            Command::Remove => return Next::End,
            Command::Shutdown(reply) => {
                answer(Some(reply), Ok(()));
                return Next::End;
            }
        }
        Next::Rest
    }

    /// Waits out the back-off, during which the process can be killed or started by hand.
    async fn wait_to_retry(&mut self, plan: Plan, wait: Duration) -> Next {
        let mut deadline = std::pin::pin!(tokio::time::sleep(wait));
        loop {
            let command = tokio::select! {
                biased;
                command = self.mailbox.recv() => command,
                () = &mut deadline => return self.live(plan, None).await,
            };
            match command {
                Some(Command::Settle(reply)) => answer(Some(reply), Ok(())),
                Some(Command::Kill(reply)) => {
                    self.process.release();
                    answer(Some(reply), Ok(()));
                    return Next::Rest;
                }
                // The name stays taken: it goes from this life to the next.
                Some(Command::Start(start)) => return Next::Start(start),
                Some(command) => {
                    self.process.release();
                    return self.at_rest(command);
                }
                None => return Next::End,
            }
        }
    }

    /// One generation, from `starting` to `exited`.
    async fn live(&mut self, plan: Plan, reply: Option<Reply<()>>) -> Next {
        self.generation += 1;
        let asked_at = Instant::now();
        let launch = self.process.begin(self.generation, self.retries.count(), &plan);
        let mut asked = Asked::default();
        let failure = match self.start(&launch, &plan, &mut asked).await {
            Ok(running) => {
                self.process.running(&running, &launch, asked_at.elapsed());
                answer(reply, Ok(()));
                let exit = self.attend(running, &plan, &mut asked).await;
                launch.input.break_pipe();
                return self.finish(plan, exit, asked, asked_at.elapsed());
            }
            Err(failure) => failure,
        };
        launch.input.break_pipe();
        let reason = ExitReason::StartFailed { message: failure.to_string() };
        let next = self.finish(plan, Exit { reason, code: None }, asked, asked_at.elapsed());
        // Only now is the name free, and whoever is told may start it again at once.
        answer(reply, Err(failure));
        next
    }

    /// Starts the backend. Looking for runtimes and reading sources can take its time; until the
    /// backend really starts, whoever wants an end gets it at once.
    async fn start(
        &mut self,
        launch: &Launch,
        plan: &Plan,
        asked: &mut Asked,
    ) -> Result<Running, Error> {
        let host = self.host.clone();
        let mut start = std::pin::pin!(backend::start(&host, launch));
        let mut give_up = std::pin::pin!(tokio::time::sleep(plan.start_timeout));
        loop {
            tokio::select! {
                biased;
                Some(command) = self.mailbox.recv() => {
                    self.while_live(command, asked);
                    if asked.stopping && !launch.is_committed() {
                        return Err(self.killed_meanwhile());
                    }
                }
                started = &mut start => return started,
                () = &mut give_up => return Err(self.too_slow(plan.start_timeout)),
            }
        }
    }

    /// Waits for the end, and takes commands meanwhile.
    async fn attend(&mut self, mut running: Running, plan: &Plan, asked: &mut Asked) -> Exit {
        asked.started = true;
        loop {
            if asked.stopping {
                running.stopper.stop(asked.grace(plan));
            } else {
                asked.settlers.drain(..).for_each(|settler| answer(Some(settler), Ok(())));
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

    fn while_live(&mut self, command: Command, asked: &mut Asked) {
        match command {
            Command::Kill(reply) => {
                // A kill after a restart was asked for means the end.
                if let Some(start) = asked.then.take() {
                    let _ = start.reply.send(Err(self.killed_meanwhile()));
                }
                asked.killers.push_back(reply);
            }
            Command::Start(start) if start.replace => {
                if let Some(earlier) = asked.then.replace(start) {
                    let _ = earlier.reply.send(Err(self.killed_meanwhile()));
                }
            }
            Command::Start(start) => {
                let name = self.process.name();
                let _ = start.reply.send(Err(Error::AlreadyExists(name)));
                return;
            }
            Command::Settle(reply) if asked.stopping || !asked.started => {
                return asked.settlers.push(reply);
            }
            Command::Settle(reply) => return answer(Some(reply), Ok(())),
            Command::Remove => asked.last = true,
            Command::Shutdown(reply) => {
                asked.last = true;
                asked.killers.push_back(reply);
            }
        }
        if !asked.stopping {
            asked.stopping = true;
            self.process.set_state(self.generation, State::Stopping);
        }
    }

    fn responds(&self, responds: bool, asked: &Asked) {
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

    fn finish(&mut self, plan: Plan, exit: Exit, asked: Asked, lived: Duration) -> Next {
        let reason = match exit.reason {
            // What was asked for did not happen, or not by that.
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
        self.process.exited(self.generation, reason, exit.code, goes_on);
        for waiting in asked.killers.into_iter().chain(asked.settlers) {
            answer(Some(waiting), Ok(()));
        }
        match (asked.last, asked.then, retry) {
            (true, ..) => Next::End,
            (_, Some(start), _) => Next::Start(start),
            (_, None, Some(wait)) => Next::Retry(Box::new(plan), wait),
            (_, None, None) => Next::Rest,
        }
    }
}

/// Its keeper is gone without a word, which only a panic explains.
fn lost() -> Exit {
    let message = "the engine lost the process".to_owned();
    Exit { reason: ExitReason::Error { message, stack: None }, code: None }
}

fn answer(reply: Option<Reply<()>>, result: Result<(), Error>) {
    if let Some(reply) = reply {
        // The caller may have stopped waiting.
        let _: Result<(), _> = oneshot::Sender::send(reply, result);
    }
}
