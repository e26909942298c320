//! The embedded engine: one Deno isolate per process, on a thread of its own.
//!
//! Reading order: `engine` (who starts the threads), `worker` (what such a thread does), `stdio` and
//! `guards` (what stands between a script and the application), `loader` (modules). An isolate never
//! leaves its thread; only messages do. JavaScript cannot end or block the application from here.

mod control;
mod descriptors;
mod engine;
mod env;
mod exit;
mod folder;
mod guards;
mod line_door;
mod loader;
mod meter;
mod offspring;
mod permissions;
mod signals;
mod stdio;
mod worker;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use self::control::Control;
pub(crate) use self::loader::Entry;
pub(crate) use self::meter::Meter;
use crate::backend::{Exit, Launch};
use crate::error::Error;
use crate::input::Input;
use crate::sink::Sinks;
use crate::stop::StopRequest;
use crate::wire::ExitReason;

/// How often a script that does not stop is told again: a single request can be swallowed by a
/// `catch` inside the engine.
const TERMINATE_AGAIN: Duration = Duration::from_millis(50);

/// After this long of being told, a thread is given up: it hangs in native code.
const GIVE_UP: Duration = Duration::from_secs(5);

/// The version of Deno that the engine is made of.
pub(crate) const DENO_VERSION: &str = "2.9.6";

/// Starts the isolate; returns when the script is about to run. The receiver resolves when the
/// isolate is gone.
pub(crate) async fn start(
    entry: Entry,
    launch: &Launch,
    stop: StopRequest,
) -> Result<(Meter, oneshot::Receiver<Exit>), Error> {
    let failed = |message: String| Error::StartFailed { name: launch.name.clone(), message };
    let control = Arc::new(Control::default());
    let (ready, became_ready) = oneshot::channel();
    let (report, reported) = oneshot::channel();
    let plan = worker::WorkerPlan {
        entry,
        config: launch.config.clone(),
        cwd: launch.cwd.clone(),
        input: launch.input.clone(),
        sinks: launch.sinks.clone(),
        control: control.clone(),
    };
    let thread = engine::spawn(&launch.name, move || worker::run(plan, ready, report))
        .await
        .map_err(failed)?;
    match became_ready.await {
        Ok(Ok(())) => {}
        Ok(Err(message)) => return Err(failed(message)),
        Err(_) => return Err(failed("the engine stopped while it was starting".to_owned())),
    }

    let limit = launch.config.limits.unwrap_or_default().heap() as u64;
    let meter = Meter { control: control.clone(), limit };
    let (ended, exit) = oneshot::channel();
    let keeper = Keeper {
        control,
        input: launch.input.clone(),
        sinks: launch.sinks.clone(),
        thread: Some(thread),
        reported,
    };
    tokio::spawn(async move {
        // Nobody listens any more when the supervisor has been dropped.
        let _ = ended.send(keeper.keep(stop).await);
    });
    Ok((meter, exit))
}

/// Ends the isolate when asked, and tells how it ended.
struct Keeper {
    control: Arc<Control>,
    input: Input,
    sinks: Sinks,
    /// Taken when it is joined.
    thread: Option<JoinHandle<()>>,
    reported: oneshot::Receiver<Exit>,
}

type Report = Result<Exit, oneshot::error::RecvError>;

impl Keeper {
    async fn keep(mut self, mut stop: StopRequest) -> Exit {
        let report = tokio::select! {
            biased;
            report = &mut self.reported => Some(report),
            () = stop.requested() => self.stop(&mut stop).await,
            () = self.control.script_is_over() => self.insist(&mut stop).await,
        };
        match (report, self.thread.take()) {
            (Some(report), Some(thread)) => {
                // The report is the thread's last act but returning.
                let panicked = thread.join().is_err();
                report.unwrap_or_else(|_| lost(panicked))
            }
            // Joining would wait for ever: the thread is left to itself.
            _ => Exit { reason: ExitReason::Unresponsive, code: None },
        }
    }

    async fn stop(&mut self, request: &mut StopRequest) -> Option<Report> {
        self.input.break_pipe();
        self.control.signal_end();
        tokio::select! {
            report = &mut self.reported => return Some(report),
            () = request.time_to_ask() => {}
        }
        self.control.ask_to_end();
        tokio::select! {
            report = &mut self.reported => return Some(report),
            () = request.time_to_force() => {}
        }
        self.sinks.cut_off();
        let give_up = Instant::now() + GIVE_UP;
        while Instant::now() < give_up {
            // A script may hang in waiting for a program that it started.
            self.control.end_offspring();
            self.control.terminate();
            let again = give_up.min(Instant::now() + TERMINATE_AGAIN);
            if let Ok(report) = timeout_at(again, &mut self.reported).await {
                return Some(report);
            }
        }
        None
    }

    /// The script has called `exit`, or is out of memory, and is to run no further. How long it then
    /// takes is up to whoever reads its last output.
    async fn insist(&mut self, request: &mut StopRequest) -> Option<Report> {
        loop {
            self.control.terminate();
            tokio::select! {
                biased;
                report = &mut self.reported => return Some(report),
                () = request.requested() => return self.stop(request).await,
                () = tokio::time::sleep(TERMINATE_AGAIN) => {}
            }
        }
    }
}

impl Drop for Keeper {
    /// Dropped before its end only with the supervisor's thread: nobody else would end the script.
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.input.break_pipe();
            self.sinks.cut_off();
            self.control.terminate();
        }
    }
}

fn lost(panicked: bool) -> Exit {
    let message = if panicked { "the engine panicked" } else { "the engine's thread is gone" };
    Exit { reason: ExitReason::Error { message: message.to_owned(), stack: None }, code: None }
}
