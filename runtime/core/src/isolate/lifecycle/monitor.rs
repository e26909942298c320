//! Watches over one isolate from the supervisor's thread: sees whether it responds, ends it when
//! asked, and tells how it ended.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::exit;
use crate::backend::running::Exit;
use crate::backend::stop::StopRequest;
use crate::io::event::Stream;
use crate::isolate::lifecycle::process_context::ProcessContext;
use crate::isolate::limits::control::{Memory, SelfEnded};
use crate::isolate::limits::memory_limit;
use crate::wire::ExitReason;

/// How often a script that does not stop is told again: a single request can be swallowed by a
/// `catch` inside the engine.
const TERMINATE_AGAIN: Duration = Duration::from_millis(10);

/// After this long of being told, and after the last worker has ended, a thread is given up: it hangs in native
/// code.
const GIVE_UP: Duration = Duration::from_secs(5);

/// The same after a crash: the thread that failed never ends, and if it was a worker's, the script's own
/// has so long.
const GIVE_UP_CRASHED: Duration = Duration::from_secs(1);

/// One that is awake and has worked for less has not had its turn on a busy machine: to end takes a part of it.
const ENOUGH_WORK: Duration = Duration::from_secs(1);

/// A thread that works for less of the time than this part sleeps.
const AWAKE: u32 = 20;

/// The longest that is waited for it, as a multiple.
const MOST_PATIENCE: u32 = 2;

/// What is known of an isolate that is kept.
pub(crate) struct MonitorHandle {
    /// Resolves when the isolate is gone.
    pub(crate) exit: oneshot::Receiver<Exit>,
    /// Whether its event loop turns.
    pub(crate) responds: watch::Receiver<bool>,
}

pub(crate) struct IsolateMonitor {
    program: Arc<ProcessContext>,
    /// Taken when it is joined.
    thread: Option<JoinHandle<()>>,
    reported: oneshot::Receiver<Exit>,
    responds: watch::Sender<bool>,
}

/// Nothing comes from a thread that has panicked, or that was given up.
type Report = Result<Exit, oneshot::error::RecvError>;

/// What ended the wait for an isolate's end.
enum Outcome {
    Ended(Report),
    Crashed,
    /// It was made to end because it did not respond.
    Unresponsive(Option<Report>),
    /// It did not end.
    Lost,
}

impl IsolateMonitor {
    pub(crate) fn new(
        program: Arc<ProcessContext>,
        thread: JoinHandle<()>,
        reported: oneshot::Receiver<Exit>,
    ) -> Self {
        Self { program, thread: Some(thread), reported, responds: watch::Sender::new(true) }
    }

    pub(crate) fn keep(self, stop: StopRequest) -> MonitorHandle {
        let (ended, exit) = oneshot::channel();
        let responds = self.responds.subscribe();
        tokio::spawn(async move {
            // Nobody listens any more when the supervisor has been dropped.
            let _ = ended.send(self.until_its_end(stop).await);
        });
        MonitorHandle { exit, responds }
    }

    async fn until_its_end(mut self, stop: StopRequest) -> Exit {
        let program = self.program.clone();
        let outcome = tokio::select! {
            biased;
            () = program.control.crash.happened() => Outcome::Crashed,
            outcome = self.attend(stop) => outcome,
        };
        let (outcome, crashed) = match outcome {
            Outcome::Crashed => {
                self.say_what_is_exhausted();
                let report = self.force(GIVE_UP_CRASHED).await;
                (report.map_or(Outcome::Lost, Outcome::Ended), true)
            }
            outcome => (outcome, false),
        };
        let exit = self.exit_of(outcome).await;
        // What a program has started and left behind still has the mark.
        program.mark.end_marked().await;
        if crashed && let Some(memory) = program.control.exhausted() {
            return exit::of_exhausted(memory);
        }
        if crashed {
            let message = program.control.crash.message();
            return Exit { reason: ExitReason::Crashed { message }, code: None };
        }
        exit
    }

    /// On stderr, as the script's own thread can no longer do it.
    fn say_what_is_exhausted(&self) {
        if let Some(memory) = self.program.control.exhausted() {
            let mut stderr = self.program.sinks.stream(Stream::Stderr);
            stderr.append(format!("error: {}\n", exit::exhausted(memory)).as_bytes());
            // Cut off by a kill: nobody is to see it.
            let _ = stderr.try_flush();
        }
    }

    /// Waits for the end, brings it about when somebody wants it, and sees whether the isolate
    /// responds meanwhile.
    async fn attend(&mut self, mut stop: StopRequest) -> Outcome {
        let program = self.program.clone();
        let report = tokio::select! {
            biased;
            report = &mut self.reported => Some(report),
            () = stop.requested() => self.stop(&mut stop).await,
            () = program.control.script_is_over() => self.insist(&mut stop).await,
            () = memory_limit::exceeded(&program) => self.end_exhausted(&mut stop).await,
            () = watch_pulse(&program, &self.responds) => {
                return Outcome::Unresponsive(self.force(GIVE_UP).await);
            }
            never = end_workers(&program) => match never {},
            never = program.partial_lines.hand_on() => match never {},
        };
        report.map_or(Outcome::Lost, Outcome::Ended)
    }

    async fn exit_of(&mut self, outcome: Outcome) -> Exit {
        let unresponsive = Exit { reason: ExitReason::Unresponsive, code: None };
        let (report, thread) = match (outcome, self.thread.take()) {
            (Outcome::Ended(report), Some(thread)) => (report, thread),
            (Outcome::Unresponsive(Some(_)), Some(thread)) => (Ok(unresponsive), thread),
            // It will not end: the thread is left to itself.
            _ => return self.program.control.exhausted().map_or(unresponsive, exit::of_exhausted),
        };
        // The report is the thread's last act but returning; what it drops then may still hang.
        let joined = tokio::task::spawn_blocking(move || thread.join().is_err());
        let panicked = timeout(GIVE_UP, joined).await;
        report.unwrap_or_else(|_| lost(matches!(panicked, Ok(Ok(true)))))
    }

    async fn stop(&mut self, request: &mut StopRequest) -> Option<Report> {
        let program = self.program.clone();
        let reads_input = program.input.has_been_read();
        program.input.break_pipe();
        // Without a reader or a listener nothing in it can act on the request.
        if program.control.signal_end() || reads_input {
            tokio::select! {
                report = &mut self.reported => return Some(report),
                () = request.time_to_ask() => {}
            }
        }
        program.control.ask_to_end();
        tokio::select! {
            report = &mut self.reported => return Some(report),
            () = request.time_to_force() => {}
        }
        self.force(GIVE_UP).await
    }

    /// Ends it whatever it does; `None` when that does not help.
    async fn force(&mut self, patience: Duration) -> Option<Report> {
        let ProcessContext { control, input, sinks, .. } = &*self.program;
        input.break_pipe();
        sinks.cut_off();
        let began = Instant::now();
        let (mut waits_since, mut members) = (began, control.members.count());
        let worked_before = control.gauge.worked();
        loop {
            // A script may hang in waiting for a program that it started.
            control.members.end_offspring();
            control.terminate();
            let again = Instant::now() + TERMINATE_AGAIN;
            if let Ok(report) = timeout_at(again, &mut self.reported).await {
                return Some(report);
            }
            let left = control.members.count();
            if left < members {
                waits_since = Instant::now();
            }
            members = left;
            let worked = worked_before
                .and_then(|before| control.gauge.worked().map(|now| now.saturating_sub(before)));
            let is_over = waits_since.elapsed() >= patience && !is_starved(worked, began.elapsed());
            if is_over || began.elapsed() >= patience * MOST_PATIENCE {
                return None;
            }
        }
    }

    /// The process as a whole has more memory than it may have. Who reads its last output has so long.
    async fn end_exhausted(&mut self, request: &mut StopRequest) -> Option<Report> {
        self.program.control.end_of_script(SelfEnded::Exhausted(Memory::Process));
        if let Ok(report) = timeout(GIVE_UP, self.insist(request)).await {
            return report;
        }
        self.say_what_is_exhausted();
        self.force(GIVE_UP_CRASHED).await
    }

    /// The script has called `exit`, or is out of memory, and is to run no further. How long it then
    /// takes is up to whoever reads its last output.
    async fn insist(&mut self, request: &mut StopRequest) -> Option<Report> {
        let control = self.program.control.clone();
        loop {
            if control.exhausted().is_some() {
                // The engine's code may be the one that takes the memory.
                control.members.terminate_from_within();
            }
            control.terminate();
            tokio::select! {
                biased;
                report = &mut self.reported => return Some(report),
                () = request.requested() => return self.stop(request).await,
                () = tokio::time::sleep(TERMINATE_AGAIN) => {}
            }
        }
    }
}

impl Drop for IsolateMonitor {
    /// Dropped before its end only with the supervisor's thread: nobody else would end the script.
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.program.input.break_pipe();
            self.program.sinks.cut_off();
            self.program.control.terminate_now();
        }
    }
}

/// Whether a thread has had little of the processor in that time, though it does not sleep.
fn is_starved(worked: Option<Duration>, passed: Duration) -> bool {
    worked.is_some_and(|worked| worked < ENOUGH_WORK && worked > passed / AWAKE)
}

/// Tells whether the event loop turns; resolves when it does not, and that is to be its end.
async fn watch_pulse(program: &ProcessContext, responds: &watch::Sender<bool>) {
    let Some(limit) = program.limits.unresponsive else { return std::future::pending().await };
    loop {
        program.control.pulse.stuck(limit).await;
        if program.limits.kill_unresponsive {
            return;
        }
        responds.send_replace(false);
        program.control.pulse.moved().await;
        responds.send_replace(true);
    }
}

/// Ends workers that have filled heaps of their own, while the script goes on.
async fn end_workers(program: &ProcessContext) -> Infallible {
    loop {
        program.control.worker_is_over().await;
        while program.control.members.terminate_ending() {
            tokio::time::sleep(TERMINATE_AGAIN).await;
        }
    }
}

fn lost(panicked: bool) -> Exit {
    let message = if panicked { "the engine panicked" } else { "the engine's thread is gone" };
    Exit { reason: ExitReason::Error { message: message.to_owned(), stack: None }, code: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_starved_that_is_awake_and_has_hardly_worked() {
        let second = Duration::from_secs(1);
        for (worked_ms, passed, expected) in [
            (Some(0), 5 * second, false),
            (Some(100), 5 * second, false),
            (Some(600), 5 * second, true),
            (Some(1_000), 5 * second, false),
            (Some(5_000), 5 * second, false),
            (None, 5 * second, false),
        ] {
            let worked = worked_ms.map(Duration::from_millis);
            assert_eq!(is_starved(worked, passed), expected, "{worked_ms:?} ms");
        }
    }
}
