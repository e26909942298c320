//! What an isolate's thread does: build the worker, run the script to its end, take it all down.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deno_runtime::deno_core::error::CoreError;
use deno_runtime::deno_core::{ModuleSpecifier, V8CrossThreadTaskSpawner};
use deno_runtime::worker::{MainWorker, WorkerOptions};
use tokio::sync::oneshot;

use super::folder::{self, Folder};
use super::loader::Modules;
use super::program::{Around, Program};
use super::stdio::{Stdio, Streams, null_device};
use super::{crash, exit, permissions, sources, web_worker};
use crate::backend::Exit;
use crate::event::Stream;

/// Blocking work of one isolate (files, name look-ups) runs on so many threads at the most.
const BLOCKING_THREADS: usize = 8;

/// How long workers have to end after their script: longer than they take, unless one hangs in native
/// code.
const WORKERS_PATIENCE: Duration = Duration::from_secs(5);

/// The same when a worker has failed, which never ends: as long as it takes to end the others.
const WORKERS_PATIENCE_CRASHED: Duration = Duration::from_millis(400);

/// The body of the thread. `ready` resolves when the script is about to run; `report` is sent when
/// nothing but this function's return is left.
pub(super) fn run(
    program: &Arc<Program>,
    ready: oneshot::Sender<Result<(), String>>,
    report: oneshot::Sender<Exit>,
) {
    let exit = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                // Reported through `ready`, whose receiver then drops everything else.
                let _ = ready.send(Err(format!("could not start the event loop: {error}")));
                return exit::killed();
            }
        };
        let exit = runtime.block_on(live(program, ready));
        // A blocking operation that hangs must not hold the thread.
        runtime.shutdown_background();
        exit
    }));
    let mut exit = exit.unwrap_or_else(|_| exit::panicked(program.control.crash.message()));
    let members = &program.control.members;
    let has_failed = program.control.crash.has_happened();
    let patience = if has_failed { WORKERS_PATIENCE_CRASHED } else { WORKERS_PATIENCE };
    if !members.wait_for_others(patience) {
        exit = exit::unresponsive();
    }
    members.leave();
    let _ = report.send(exit);
}

async fn live(program: &Arc<Program>, ready: oneshot::Sender<Result<(), String>>) -> Exit {
    let control = &program.control;
    let streams = Streams {
        stdin: Rc::new(Stdio::input(program.input.clone(), Some(control.clone()))),
        stdout: Rc::new(output(program, Stream::Stdout)),
        stderr: Rc::new(output(program, Stream::Stderr)),
    };
    // Dropped after the worker.
    let around = program.surround(crash::enter_as_script);
    let (mut worker, main) = match build(program, &streams, &around) {
        Ok(built) => built,
        Err(message) => {
            let _ = ready.send(Err(message));
            return exit::killed();
        }
    };
    control.members.join(&mut worker.js_runtime);
    control.gauge.publish(event_loop(&worker));
    if ready.send(Ok(())).is_err() {
        // Whoever asked for it has gone away meanwhile.
        return exit::killed();
    }

    let result = control.pulse.count(async {
        tokio::select! {
            biased;
            () = control.asked_to_end() => None,
            result = run_to_end(&mut worker, &main) => Some(result),
        }
    });
    let result = result.await;
    let exit = exit::of(result, &worker, program, &streams.stderr);
    control.members.end_offspring();
    streams.finish();
    drop(worker);
    exit
}

fn output(program: &Program, stream: Stream) -> Stdio {
    Stdio::output(program.sinks.stream(stream), Some(program.control.clone()))
}

/// How others have something done in the event loop.
fn event_loop(worker: &MainWorker) -> V8CrossThreadTaskSpawner {
    worker.js_runtime.op_state().borrow().borrow::<V8CrossThreadTaskSpawner>().clone()
}

/// The life of a program as the Deno command line runs it.
async fn run_to_end(worker: &mut MainWorker, main: &ModuleSpecifier) -> Result<(), CoreError> {
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

fn build(
    program: &Arc<Program>,
    streams: &Streams,
    around: &Around,
) -> Result<(MainWorker, ModuleSpecifier), String> {
    let folder = folder::enter(&program.cwd)?;
    let granted = program.config.permissions.clone().unwrap_or_default();
    let permissions = permissions::container(&granted, program.entry.folder())?;
    let modules =
        Modules::new(&program.entry, permissions.clone()).map_err(|error| error.to_string())?;
    let main = modules.main_module().clone();

    let mut worker = MainWorker::bootstrap_from_options(
        &main,
        program.services(&modules, permissions),
        options(program, folder)?,
    );
    program.furnish(&mut worker.js_runtime, streams, around)?;
    program.end_at_heap_limit(&mut worker.js_runtime);
    Ok((worker, main))
}

fn options(program: &Arc<Program>, folder: Folder) -> Result<WorkerOptions, String> {
    let stdio =
        null_device().map_err(|error| format!("could not open the null device: {error}"))?;
    Ok(WorkerOptions {
        bootstrap: program.bootstrap(),
        extensions: vec![program.guards(folder)],
        startup_snapshot: deno_snapshots::CLI_SNAPSHOT,
        residual_lazy_js_sources: sources::scripts()?,
        residual_lazy_esm_sources: sources::modules()?,
        skip_op_registration: true,
        create_params: Some(program.create_params(program.limits.heap)),
        create_web_worker_cb: web_worker::creator(program.clone(), folder),
        stdio,
        ..WorkerOptions::default()
    })
}
