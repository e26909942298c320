//! The thread of an isolate: bootstraps it, runs the script and drops everything.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use deno_runtime::deno_core::error::CoreError;
use deno_runtime::deno_core::{ModuleSpecifier, V8CrossThreadTaskSpawner};
use deno_runtime::worker::MainWorker;
use tokio::runtime::Runtime as Executor;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{oneshot, watch};

use super::{engine, exit};
use crate::crash;
use crate::generation::Exit;
use crate::isolate::lifecycle::bootstrapped::Bootstrapped;
use crate::isolate::lifecycle::event_loop_waker::EventLoopWaker;
use crate::isolate::lifecycle::idle_collection::IdleCollection;
use crate::isolate::lifecycle::process_context::{IsolateStreams, ProcessContext};
use crate::isolate::lifecycle::shared_state::SharedState;
use crate::isolate::limits::control::Control;
use crate::wire::ExitReason;

/// Most threads for blocking work of one isolate (files, DNS).
const BLOCKING_THREADS: usize = 8;

/// How long a worker may take to end after its script, or after the last worker that ended. Only native code takes
/// longer.
const WORKER_TIMEOUT: Duration = Duration::from_secs(5);

/// The same after a native failure of a worker, which never ends: time for the other workers.
const WORKER_TIMEOUT_CRASHED: Duration = Duration::from_millis(800);

/// The message that starts a process on a bootstrapped isolate.
pub(crate) struct StartMessage {
    pub(crate) process: Arc<ProcessContext>,
    /// Resolves when the script is about to run.
    pub(crate) ready: oneshot::Sender<Result<(), String>>,
    /// Sent as the last action of the thread.
    pub(crate) report: oneshot::Sender<Exit>,
}

/// The body of the thread. Ends when the sender of `start` is dropped. Sets `is_ready` when the isolate is ready for
/// the message.
pub(crate) fn run(
    shared: &Arc<SharedState>,
    start: oneshot::Receiver<StartMessage>,
    is_ready: &watch::Sender<bool>,
) {
    // Lives until the executor has dropped its tasks.
    let _entered = crash::enter(&shared.control.crash);
    let mut report = None;
    shared.control.threads.join();
    let exit = catch_unwind(AssertUnwindSafe(|| {
        let Some((executor, start)) = with_executor(&shared.control, start, is_ready) else {
            return exit::killed();
        };
        let exit = executor.block_on(bootstrap_and_run(shared, start, is_ready, &mut report));
        // A blocking operation that does not end must not block the thread.
        executor.shutdown_background();
        exit
    }));
    let mut exit = exit.unwrap_or_else(|_| exit::panicked(shared.control.crash.message()));
    shared.control.threads.leave();
    let isolates = &shared.control.isolates;
    let has_crashed = shared.control.crash.has_happened();
    let timeout = if has_crashed { WORKER_TIMEOUT_CRASHED } else { WORKER_TIMEOUT };
    let is_exhausted = matches!(exit.reason, ExitReason::HeapLimit | ExitReason::MemoryLimit);
    if !isolates.wait_for_workers(timeout) && !is_exhausted {
        // A worker that fills its heap inside one call cannot be interrupted, and is parked later.
        exit = exit::unresponsive();
    } else {
        shared.clear_blobs();
    }
    isolates.leave();
    if let Some(report) = report {
        // The receiver is gone when the supervisor has been dropped.
        let _ = report.send(exit);
    }
}

/// Makes the executor. If that fails before the start message, tries again when the message comes: descriptors may be
/// free by then. `None` if there is no message, or after the error was sent to its sender.
fn with_executor(
    control: &Arc<Control>,
    start: oneshot::Receiver<StartMessage>,
    is_ready: &watch::Sender<bool>,
) -> Option<(Executor, oneshot::Receiver<StartMessage>)> {
    if let Ok(executor) = executor(control) {
        return Some((executor, start));
    }
    is_ready.send_replace(true);
    let message = start.blocking_recv().ok()?;
    match executor(control) {
        Ok(executor) => {
            let (sender, receiver) = oneshot::channel();
            sender.send(message).ok()?;
            Some((executor, receiver))
        }
        Err(error) => {
            let error = format!("could not start the event loop: {error}");
            // The receiver then drops everything else.
            let _ = message.ready.send(Err(error));
            None
        }
    }
}

fn executor(control: &Arc<Control>) -> std::io::Result<Executor> {
    let (starts, stops) = (control.clone(), control.clone());
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .on_thread_start(move || {
            crash::enter_helper(&starts.crash);
            starts.threads.join();
        })
        .on_thread_stop(move || stops.threads.leave())
        .build()
}

async fn bootstrap_and_run(
    shared: &Arc<SharedState>,
    mut start: oneshot::Receiver<StartMessage>,
    is_ready: &watch::Sender<bool>,
    report: &mut Option<oneshot::Sender<Exit>>,
) -> Exit {
    let bootstrapped = Bootstrapped::new(shared);
    let (bootstrapped, message) = match start.try_recv() {
        Ok(message) => (bootstrapped, Ok(message)),
        // There is time: no process waits for this isolate.
        Err(TryRecvError::Empty) => {
            let start_waits = || !start.is_empty();
            let preloaded = bootstrapped.and_then(|isolate| isolate.preload(start_waits));
            is_ready.send_replace(true);
            let message = start.await;
            // A failed bootstrap is tried again, like the executor.
            (preloaded.or_else(|_| Bootstrapped::new(shared)), message)
        }
        Err(TryRecvError::Closed) => return exit::killed(),
    };
    let Ok(StartMessage { process, ready, report: reporter }) = message else {
        return exit::killed();
    };
    *report = Some(reporter);
    engine::name_thread(&process.name);
    let started = bootstrapped.and_then(|mut isolate| {
        let (main, streams) = isolate.start(&process)?;
        Ok((isolate, main, streams))
    });
    let (mut isolate, main, streams) = match started {
        Ok(started) => started,
        Err(message) => {
            let _ = ready.send(Err(message));
            return exit::killed();
        }
    };
    process.control.isolates.join(&mut isolate.worker.js_runtime);
    process.control.usage.publish(event_loop(&isolate.worker));
    if ready.send(Ok(())).is_err() {
        // The start was cancelled.
        return exit::killed();
    }
    run_to_end(&process, &mut isolate, &main, &streams).await
}

/// Runs tasks of other threads in the event loop.
fn event_loop(worker: &MainWorker) -> V8CrossThreadTaskSpawner {
    worker.js_runtime.op_state().borrow().borrow::<V8CrossThreadTaskSpawner>().clone()
}

async fn run_to_end(
    process: &ProcessContext,
    isolate: &mut Bootstrapped,
    main: &ModuleSpecifier,
    streams: &IsolateStreams,
) -> Exit {
    let control = &process.control;
    let idle = isolate.idle_collection();
    let worker = &mut isolate.worker;
    let result = control.watchdog.observe(async {
        tokio::select! {
            biased;
            () = control.end_requested() => None,
            result = run_script(worker, main) => Some(result),
        }
    });
    let result = drive(result, idle, process.writers.history.spins()).await;
    let exit = exit::of(result, worker, process, &streams.stdio.stderr);
    control.isolates.kill_children();
    streams.finish();
    exit
}

/// Runs an event loop with a waker of its own, see [`EventLoopWaker`].
async fn drive<F: Future>(event_loop: F, mut idle: IdleCollection, spins: bool) -> F::Output {
    let mut event_loop = pin!(event_loop);
    let mut loop_waker = EventLoopWaker::new(spins);
    let waker = loop_waker.waker();
    poll_fn(|context| {
        loop {
            loop_waker.start_iteration(context.waker());
            let polled = event_loop.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_ready() {
                return polled;
            }
            if !loop_waker.poll_again() {
                idle.becomes_idle(context);
                return polled;
            }
        }
    })
    .await
}

/// Runs a script like the Deno command line.
async fn run_script(worker: &mut MainWorker, main: &ModuleSpecifier) -> Result<(), CoreError> {
    worker.execute_main_module(main).await?;
    worker.dispatch_load_event()?;
    loop {
        worker.run_event_loop(false).await?;
        let prevented = worker.dispatch_beforeunload_event()?;
        if !prevented && !worker.dispatch_process_beforeexit_event()? {
            break;
        }
    }
    worker.dispatch_unload_event()?;
    worker.dispatch_process_exit_event()?;
    Ok(())
}
