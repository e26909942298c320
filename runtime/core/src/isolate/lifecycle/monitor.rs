//! Monitors one isolate from the supervisor's thread: reports whether it responds, stops it, and reports its exit.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::exit;
use crate::generation::Exit;
use crate::generation::stop::StopRequest;
use crate::io::event::Stream;
use crate::isolate::lifecycle::process_context::ProcessContext;
use crate::isolate::limits::control::{Memory, SelfEnded};
use crate::isolate::limits::{interrupt, memory_limit};
use crate::wire::ExitReason;

/// Interval of interruptions: a `catch` inside the engine can swallow one.
const TERMINATE_AGAIN: Duration = Duration::from_millis(10);

/// How long an interrupted thread may take to end, counted from the end of the last worker. After that it is given up:
/// it is blocked in native code.
const GIVE_UP: Duration = Duration::from_secs(5);

/// The same after a crash. The crashed thread never ends; if it was a worker's, the script's own thread has so long.
const GIVE_UP_CRASHED: Duration = Duration::from_secs(1);

/// Processor time in which a running thread could have ended. With less on a busy machine it is starved. An interrupt
/// terminates unconditionally only after [`interrupt::LOAD_PATIENCE`].
const ENOUGH_WORK: Duration = Duration::from_millis(2500);

const _: () = assert!(ENOUGH_WORK.as_millis() > interrupt::LOAD_PATIENCE.as_millis());

/// A thread that runs for less than this fraction of the time is asleep.
const AWAKE: u32 = 20;

/// Longest wait for a starved thread, as a multiple of the patience.
const MAX_PATIENCE: u32 = 2;

/// A monitored isolate.
pub(crate) struct MonitorHandle {
    /// Resolves when the isolate is gone.
    pub(crate) exit: oneshot::Receiver<Exit>,
    /// Whether its event loop makes progress.
    pub(crate) responds: watch::Receiver<bool>,
}

pub(crate) struct IsolateMonitor {
    process: Arc<ProcessContext>,
    /// `None` once it is joined or given up.
    thread: Option<JoinHandle<()>>,
    reported: oneshot::Receiver<Exit>,
    responds: watch::Sender<bool>,
}

/// An error means that the thread has panicked.
type Report = Result<Exit, oneshot::error::RecvError>;

/// Why the monitor stopped waiting for an isolate.
enum Outcome {
    Ended(Report),
    Crashed,
    /// Killed because it did not respond.
    Unresponsive(Option<Report>),
    /// It could not be ended.
    GivenUp,
}

impl IsolateMonitor {
    pub(crate) fn new(
        process: Arc<ProcessContext>,
        thread: JoinHandle<()>,
        reported: oneshot::Receiver<Exit>,
    ) -> Self {
        Self { process, thread: Some(thread), reported, responds: watch::Sender::new(true) }
    }

    pub(crate) fn spawn(self, stop: StopRequest) -> MonitorHandle {
        let (ended, exit) = oneshot::channel();
        let responds = self.responds.subscribe();
        tokio::spawn(async move {
            // The receiver is gone when the supervisor has been dropped.
            let _ = ended.send(self.run(stop).await);
        });
        MonitorHandle { exit, responds }
    }

    async fn run(mut self, stop: StopRequest) -> Exit {
        let process = self.process.clone();
        let outcome = tokio::select! {
            biased;
            () = process.control.crash.happened() => Outcome::Crashed,
            outcome = self.supervise(stop) => outcome,
        };
        let (outcome, crashed) = match outcome {
            Outcome::Crashed => {
                self.print_exhausted();
                let report = self.force(GIVE_UP_CRASHED).await;
                (report.map_or(Outcome::GivenUp, Outcome::Ended), true)
            }
            outcome => (outcome, false),
        };
        let exit = self.exit_of(outcome).await;
        // Programs that the script started and left running have the mark.
        process.mark.end_marked().await;
        if crashed && let Some(memory) = process.control.exhausted() {
            return exit::of_exhausted(memory);
        }
        if crashed {
            let message = process.control.crash.message();
            return Exit { reason: ExitReason::Crashed { message }, code: None };
        }
        exit
    }

    /// Prints which memory limit was reached; the script's own thread no longer can.
    fn print_exhausted(&self) {
        if let Some(memory) = self.process.control.exhausted() {
            let mut stderr = self.process.writers.stream(Stream::Stderr);
            stderr.append(format!("error: {}\n", exit::exhausted(memory)).as_bytes());
            // Fails if a kill has cut off the output.
            let _ = stderr.try_flush();
        }
    }

    /// Waits for the end, stops the isolate on request or at a limit, and publishes whether it responds.
    async fn supervise(&mut self, mut stop: StopRequest) -> Outcome {
        let process = self.process.clone();
        let report = tokio::select! {
            biased;
            report = &mut self.reported => Some(report),
            () = stop.requested() => self.stop(&mut stop).await,
            () = process.control.script_has_ended() => self.terminate_until_exit(&mut stop).await,
            () = memory_limit::exceeded(&process.control, process.limits.all_memory as u64) => self.end_exhausted(&mut stop).await,
            () = watch_event_loop(&process, &self.responds) => {
                return Outcome::Unresponsive(self.force(GIVE_UP).await);
            }
            never = end_workers(&process) => match never {},
            never = process.partial_lines.flush_loop() => match never {},
        };
        report.map_or(Outcome::GivenUp, Outcome::Ended)
    }

    async fn exit_of(&mut self, outcome: Outcome) -> Exit {
        let unresponsive = Exit { reason: ExitReason::Unresponsive, code: None };
        let (report, thread) = match (outcome, self.thread.take()) {
            (Outcome::Ended(report), Some(thread)) => (report, thread),
            (Outcome::Unresponsive(Some(_)), Some(thread)) => (Ok(unresponsive), thread),
            // The thread does not end and is detached.
            _ => return self.process.control.exhausted().map_or(unresponsive, exit::of_exhausted),
        };
        // After its report the thread only drops values, which may still block.
        let joined = tokio::task::spawn_blocking(move || thread.join().is_err());
        let panicked = timeout(GIVE_UP, joined).await;
        report.unwrap_or_else(|_| without_report(matches!(panicked, Ok(Ok(true)))))
    }

    async fn stop(&mut self, request: &mut StopRequest) -> Option<Report> {
        let process = self.process.clone();
        let reads_input = process.input.has_been_read();
        process.input.break_pipe();
        // Only a script that reads stdin or listens for SIGTERM can react.
        if process.control.signal_end() || reads_input {
            tokio::select! {
                report = &mut self.reported => return Some(report),
                () = request.time_to_ask() => {}
            }
        }
        process.control.request_end();
        tokio::select! {
            report = &mut self.reported => return Some(report),
            () = request.time_to_force() => {}
        }
        self.force(GIVE_UP).await
    }

    /// Interrupts the isolate until it ends; `None` if it does not.
    async fn force(&mut self, patience: Duration) -> Option<Report> {
        let ProcessContext { control, input, writers, .. } = &*self.process;
        input.break_pipe();
        writers.cut_off();
        let start = Instant::now();
        let (mut waits_since, mut isolates) = (start, control.isolates.count());
        let worked_before = control.usage.cpu_time();
        loop {
            // The script may be blocked waiting for a program that it started.
            control.isolates.kill_children();
            control.terminate();
            let again = Instant::now() + TERMINATE_AGAIN;
            if let Ok(report) = timeout_at(again, &mut self.reported).await {
                return Some(report);
            }
            let left = control.isolates.count();
            if left < isolates {
                waits_since = Instant::now();
            }
            isolates = left;
            let worked = worked_before
                .and_then(|before| control.usage.cpu_time().map(|now| now.saturating_sub(before)));
            let is_over = waits_since.elapsed() >= patience && !is_starved(worked, start.elapsed());
            if is_over || start.elapsed() >= patience * MAX_PATIENCE {
                return None;
            }
        }
    }

    /// Ends a process that is over `limits.memoryMb`. Subscribers have [`GIVE_UP`] to take its last output.
    async fn end_exhausted(&mut self, request: &mut StopRequest) -> Option<Report> {
        self.process.control.end_of_script(SelfEnded::Exhausted(Memory::Process));
        if let Ok(report) = timeout(GIVE_UP, self.terminate_until_exit(request)).await {
            return report;
        }
        self.print_exhausted();
        self.force(GIVE_UP_CRASHED).await
    }

    /// Interrupts a script that has called `exit` or is out of memory until it ends. There is no time limit, because
    /// subscribers may still take its last output.
    async fn terminate_until_exit(&mut self, request: &mut StopRequest) -> Option<Report> {
        let control = self.process.control.clone();
        loop {
            if control.exhausted().is_some() {
                // The memory may be taken by native code of the engine.
                control.isolates.terminate_from_within();
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
    /// Ends the script when the supervisor's thread ends before it.
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.process.input.break_pipe();
            self.process.writers.cut_off();
            self.process.control.terminate_now();
        }
    }
}

/// Whether a thread that is not asleep got little processor time.
fn is_starved(worked: Option<Duration>, passed: Duration) -> bool {
    worked.is_some_and(|worked| worked < ENOUGH_WORK && worked > passed / AWAKE)
}

/// Publishes whether the event loop makes progress. Resolves when it does not and `killUnresponsive` is set.
async fn watch_event_loop(process: &ProcessContext, responds: &watch::Sender<bool>) {
    let Some(limit) = process.limits.unresponsive else { return std::future::pending().await };
    loop {
        process.control.watchdog.stuck(limit).await;
        if process.limits.kill_unresponsive {
            return;
        }
        responds.send_replace(false);
        process.control.watchdog.resumed().await;
        responds.send_replace(true);
    }
}

/// Ends workers that have filled their own heaps, while the script continues.
async fn end_workers(process: &ProcessContext) -> Infallible {
    loop {
        process.control.worker_has_ended().await;
        while process.control.isolates.terminate_ending() {
            tokio::time::sleep(TERMINATE_AGAIN).await;
        }
    }
}

fn without_report(panicked: bool) -> Exit {
    let message = if panicked { "the engine panicked" } else { "the engine's thread is gone" };
    Exit { reason: ExitReason::Error { message: message.to_owned(), stack: None }, code: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_awake_with_little_processor_time_is_starved() {
        let second = Duration::from_secs(1);
        for (worked_ms, passed, expected) in [
            (Some(0), 5 * second, false),
            (Some(100), 5 * second, false),
            (Some(600), 5 * second, true),
            (Some(2_000), 5 * second, true),
            (Some(2_500), 5 * second, false),
            (Some(5_000), 5 * second, false),
            (None, 5 * second, false),
        ] {
            let worked = worked_ms.map(Duration::from_millis);
            assert_eq!(is_starved(worked, passed), expected, "{worked_ms:?} ms");
        }
    }
}
