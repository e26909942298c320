//! What an isolate's thread does: build the worker, run the script to its end, take it all down.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use deno_runtime::deno_core::error::CoreError;
use deno_runtime::deno_core::{CrossIsolateStore, ModuleSpecifier, V8CrossThreadTaskSpawner, v8};
use deno_runtime::deno_fetch::dns::Resolver;
use deno_runtime::deno_fs::RealFs;
use deno_runtime::deno_permissions::PermissionsContainer;
use deno_runtime::deno_web::{BlobStore, InMemoryBroadcastChannel};
use deno_runtime::worker::{MainWorker, WorkerOptions, WorkerServiceOptions};
use deno_runtime::{BootstrapOptions, FeatureChecker, WorkerExecutionMode};
use tokio::sync::oneshot;

use super::control::Control;
use super::env::Env;
use super::folder::{self, Folder};
use super::loader::{Entry, Modules};
use super::stdio::{Stdio, Streams, null_device};
use super::{DENO_VERSION, descriptors, exit, guards, line_door, permissions};
use crate::backend::Exit;
use crate::event::Stream;
use crate::input::Input;
use crate::sink::Sinks;
use crate::wire::SpawnConfig;

/// Blocking work of one isolate (files, name look-ups) runs on so many threads at the most.
const BLOCKING_THREADS: usize = 8;

/// How far a heap may go over its limit until the script is interrupted. V8 aborts the application
/// when one single allocation does not fit, and a string may take 1 GiB; only touched pages count.
const UNWIND_BYTES: usize = 4 << 30;

/// Everything the thread is given.
pub(super) struct WorkerPlan {
    pub(super) entry: Entry,
    pub(super) config: SpawnConfig,
    pub(super) cwd: PathBuf,
    pub(super) input: Input,
    pub(super) sinks: Sinks,
    pub(super) control: Arc<Control>,
}

/// The body of the thread. `ready` resolves when the script is about to run; `report` is sent when
/// nothing but this function's return is left.
pub(super) fn run(
    plan: WorkerPlan,
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
        let exit = runtime.block_on(live(plan, ready));
        // A blocking operation that hangs must not hold the thread.
        runtime.shutdown_background();
        exit
    }));
    let exit = exit.unwrap_or_else(|payload| exit::panicked(payload.as_ref()));
    let _ = report.send(exit);
}

async fn live(plan: WorkerPlan, ready: oneshot::Sender<Result<(), String>>) -> Exit {
    let streams = Streams {
        stdin: Rc::new(Stdio::In(plan.input.clone())),
        stdout: Rc::new(Stdio::output(plan.sinks.stream(Stream::Stdout))),
        stderr: Rc::new(Stdio::output(plan.sinks.stream(Stream::Stderr))),
    };
    let control = plan.control.clone();
    let (mut worker, main) = match build(&plan, &streams) {
        Ok(built) => built,
        Err(message) => {
            let _ = ready.send(Err(message));
            return exit::killed();
        }
    };
    control.publish(worker.js_runtime.v8_isolate().thread_safe_handle());
    control.gauge.publish(event_loop(&worker));
    if ready.send(Ok(())).is_err() {
        // Whoever asked for it has gone away meanwhile.
        return exit::killed();
    }

    control.watch_offspring();
    let result = tokio::select! {
        biased;
        () = control.asked_to_end() => None,
        result = run_to_end(&mut worker, &main) => Some(result),
    };
    let exit = exit::of(result, &mut worker, &control, &streams.stderr);
    control.end_offspring();
    streams.finish();
    exit
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

fn build(plan: &WorkerPlan, streams: &Streams) -> Result<(MainWorker, ModuleSpecifier), String> {
    let folder = folder::enter(&plan.cwd)?;
    let script_dir = match &plan.entry {
        Entry::File(path) => path.parent(),
        Entry::Bundled { .. } => None,
    };
    let granted = plan.config.permissions.clone().unwrap_or_default();
    let permissions = permissions::container(&granted, script_dir)?;
    let modules =
        Modules::new(&plan.entry, permissions.clone()).map_err(|error| error.to_string())?;
    let main = modules.main_module().clone();

    let mut worker = MainWorker::bootstrap_from_options(
        &main,
        services(&modules, permissions),
        options(plan, folder)?,
    );
    {
        let state = worker.js_runtime.op_state();
        let mut state = state.borrow_mut();
        streams.install(&mut state);
        state.put(Env::new(&plan.config.env));
        state.put(plan.control.clone());
        state.put(plan.input.clone());
    }
    let control = plan.control.clone();
    worker.js_runtime.add_near_heap_limit_callback(move |current, _| {
        control.heap_is_exhausted();
        current.saturating_add(UNWIND_BYTES)
    });
    for (name, script) in
        [("js-runtime:park", crate::command_line::PARK), ("js-runtime:lines", line_door::SCRIPT)]
    {
        worker.execute_script(name, script.to_owned().into()).map_err(|error| error.to_string())?;
    }
    Ok((worker, main))
}

type Services = WorkerServiceOptions<
    deno_resolver::npm::DenoInNpmPackageChecker,
    deno_resolver::npm::NpmResolver<super::loader::Sys>,
    super::loader::Sys,
>;

/// Nothing here is shared with another process: not blobs, not broadcasts, not shared memory.
fn services(modules: &Modules, permissions: PermissionsContainer) -> Services {
    let mut features = FeatureChecker::default();
    // The default ends the application when an unstable feature is used.
    features.set_exit_cb(Box::new(|_, _| {}));
    WorkerServiceOptions {
        blob_store: BlobStore::default_arc(),
        broadcast_channel: InMemoryBroadcastChannel::default(),
        deno_rt_native_addon_loader: None,
        feature_checker: Arc::new(features),
        fs: Arc::new(RealFs),
        module_loader: modules.loader(),
        node_services: Some(modules.node_services()),
        npm_process_state_provider: None,
        permissions,
        root_cert_store_provider: None,
        fetch_dns_resolver: Resolver::default(),
        shared_array_buffer_store: Some(CrossIsolateStore::default()),
        compiled_wasm_module_store: Some(CrossIsolateStore::default()),
        v8_code_cache: None,
        bundle_provider: None,
    }
}

fn options(plan: &WorkerPlan, folder: Folder) -> Result<WorkerOptions, String> {
    let heap = plan.config.limits.unwrap_or_default().heap();
    let stdio =
        null_device().map_err(|error| format!("could not open the null device: {error}"))?;
    Ok(WorkerOptions {
        bootstrap: BootstrapOptions {
            deno_version: DENO_VERSION.to_owned(),
            user_agent: format!("Deno/{DENO_VERSION}"),
            args: plan.config.args.clone(),
            locale: v8::icu::get_language_tag(),
            mode: WorkerExecutionMode::Run,
            has_node_modules_dir: true,
            ..BootstrapOptions::default()
        },
        extensions: vec![guards::extension(folder)],
        startup_snapshot: deno_snapshots::CLI_SNAPSHOT,
        residual_lazy_js_sources: descriptors::sources()?,
        residual_lazy_esm_sources: deno_snapshots::RESIDUAL_LAZY_ESM,
        skip_op_registration: true,
        create_params: Some(v8::CreateParams::default().heap_limits(0, heap)),
        stdio,
        ..WorkerOptions::default()
    })
}
