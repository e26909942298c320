//! What an isolate's thread does: prepare it, run the script to its end, take it all down.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use deno_runtime::deno_core::error::CoreError;
use deno_runtime::deno_core::{ModuleSpecifier, V8CrossThreadTaskSpawner};
use deno_runtime::worker::MainWorker;
use tokio::runtime::Runtime as Executor;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{oneshot, watch};

use super::{engine, exit};
use crate::backend::running::Exit;
use crate::isolate::crash;
use crate::isolate::lifecycle::bootstrapped::{Bootstrapped, StartedWorker};
use crate::isolate::lifecycle::process_context::ProcessContext;
use crate::isolate::lifecycle::shared_state::SharedState;
use crate::isolate::limits::control::Control;
use crate::wire::ExitReason;

/// Blocking work of one isolate (files, name look-ups) runs on so many threads at the most.
const BLOCKING_THREADS: usize = 8;

/// How long a worker has to end after its script, or after the last that has ended: longer than it takes, unless
/// it hangs in native code.
const WORKERS_PATIENCE: Duration = Duration::from_secs(5);

/// The same when a worker has failed, which never ends: as long as it takes to end the others.
const WORKERS_PATIENCE_CRASHED: Duration = Duration::from_millis(800);

/// What a thread is to run, and whom it tells.
pub(crate) struct IsolateStart {
    pub(crate) name: String,
    pub(crate) program: Arc<ProcessContext>,
    /// Resolves when the script is about to run.
    pub(crate) ready: oneshot::Sender<Result<(), String>>,
    /// Sent when nothing is left to do but to return.
    pub(crate) report: oneshot::Sender<Exit>,
}

/// The body of the thread. It may be told what to run at any time; when it no longer can be, it ends.
/// `prepared` is set when nothing is left to do until then.
pub(crate) fn run(
    commons: &Arc<SharedState>,
    order: oneshot::Receiver<IsolateStart>,
    prepared: &watch::Sender<bool>,
) {
    // Also for what the executor drops when the isolate is gone.
    let _entered = crash::enter(&commons.control);
    let mut report = None;
    commons.control.threads.join();
    let exit = catch_unwind(AssertUnwindSafe(|| {
        let Some((executor, order)) = with_executor(&commons.control, order, prepared) else {
            return exit::killed();
        };
        let exit = executor.block_on(live(commons, order, prepared, &mut report));
        // A blocking operation that hangs must not hold the thread.
        executor.shutdown_background();
        exit
    }));
    let mut exit = exit.unwrap_or_else(|_| exit::panicked(commons.control.crash.message()));
    commons.control.threads.leave();
    let members = &commons.control.members;
    let has_failed = commons.control.crash.has_happened();
    let patience = if has_failed { WORKERS_PATIENCE_CRASHED } else { WORKERS_PATIENCE };
    let is_exhausted = matches!(exit.reason, ExitReason::HeapLimit | ExitReason::MemoryLimit);
    if !members.wait_for_others(patience) && !is_exhausted {
        // A worker that fills its heap inside one call cannot be ended, and is parked some time later.
        exit = exit::unresponsive();
    } else {
        commons.clear();
    }
    members.leave();
    if let Some(report) = report {
        // Nobody listens any more when the supervisor has been dropped.
        let _ = report.send(exit);
    }
}

/// Makes the executor, again for whoever asks should it fail when nobody has yet: by then there may be
/// what was not to be had, descriptors for one. `None` when all is told to whoever asked, if anybody did.
fn with_executor(
    control: &Arc<Control>,
    order: oneshot::Receiver<IsolateStart>,
    prepared: &watch::Sender<bool>,
) -> Option<(Executor, oneshot::Receiver<IsolateStart>)> {
    if let Ok(executor) = executor(control) {
        return Some((executor, order));
    }
    prepared.send_replace(true);
    let order = order.blocking_recv().ok()?;
    match executor(control) {
        Ok(executor) => {
            let (sender, receiver) = oneshot::channel();
            sender.send(order).ok()?;
            Some((executor, receiver))
        }
        Err(error) => {
            let message = format!("could not start the event loop: {error}");
            // Its receiver then drops everything else.
            let _ = order.ready.send(Err(message));
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
            crash::begin_to_help(&starts);
            starts.threads.join();
        })
        .on_thread_stop(move || stops.threads.leave())
        .build()
}

async fn live(
    commons: &Arc<SharedState>,
    mut order: oneshot::Receiver<IsolateStart>,
    is_prepared: &watch::Sender<bool>,
    report: &mut Option<oneshot::Sender<Exit>>,
) -> Exit {
    let prepared = Bootstrapped::new(commons);
    let (prepared, order) = match order.try_recv() {
        Ok(order) => (prepared, Ok(order)),
        // Nobody waits for it.
        Err(TryRecvError::Empty) => {
            let loaded = prepared.and_then(Bootstrapped::load);
            is_prepared.send_replace(true);
            let order = order.await;
            // As for the executor.
            (loaded.or_else(|_| Bootstrapped::new(commons)), order)
        }
        Err(TryRecvError::Closed) => return exit::killed(),
    };
    let Ok(order) = order else { return exit::killed() };
    *report = Some(order.report);
    engine::name_thread(&order.name);
    let program = order.program;
    let mut begun = match prepared.and_then(|prepared| prepared.begin(&program)) {
        Ok(begun) => begun,
        Err(message) => {
            let _ = order.ready.send(Err(message));
            return exit::killed();
        }
    };
    program.control.members.join(&mut begun.worker.js_runtime);
    program.control.gauge.publish(event_loop(&begun.worker));
    if order.ready.send(Ok(())).is_err() {
        // Whoever asked for it has gone away meanwhile.
        return exit::killed();
    }
    run_to_end(&program, begun).await
}

/// How others have something done in the event loop.
fn event_loop(worker: &MainWorker) -> V8CrossThreadTaskSpawner {
    worker.js_runtime.op_state().borrow().borrow::<V8CrossThreadTaskSpawner>().clone()
}

async fn run_to_end(program: &ProcessContext, mut begun: StartedWorker) -> Exit {
    let control = &program.control;
    let StartedWorker { worker, main, streams, .. } = &mut begun;
    let result = control.pulse.count(async {
        tokio::select! {
            biased;
            () = control.asked_to_end() => None,
            result = run_script(worker, main) => Some(result),
        }
    });
    let result = result.await;
    let exit = exit::of(result, worker, program, &streams.stderr);
    control.members.end_offspring();
    streams.finish();
    exit
}

/// The life of a script as the Deno command line runs it.
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
