//! Workers of a script: `new Worker` and `node:worker_threads`.
//!
//! Deno starts a thread for each worker, from its parent's thread and so from the engine thread. A worker has the op
//! overrides, streams, environment and working directory of its parent, a heap limit of its own, the same buffer limit,
//! and at most the same permissions. It ends with the script.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use deno_runtime::deno_core::error::JsError;
use deno_runtime::deno_core::{Extension, v8};
use deno_runtime::deno_inspector_server::MainInspectorSessionChannel;
use deno_runtime::deno_node::ops::worker_threads::{DEFAULT_STACK_SIZE_MB, ResolvedResourceLimits};
use deno_runtime::fmt_errors::format_js_error;
use deno_runtime::ops::worker_host::{CreateWebWorkerArgs, CreateWebWorkerCb};
use deno_runtime::web_worker::{
    SendableWebWorkerHandle, WebWorker, WebWorkerOptions, WebWorkerServiceOptions,
};
use deno_runtime::worker::WorkerServiceOptions;

use super::{exit, options};
use crate::crash;
use crate::isolate::engine_files;
use crate::isolate::lifecycle::process_context::{IsolateStreams, ProcessContext, ProcessSlot};
use crate::isolate::lifecycle::shared_state::{Services, ThreadGuards, at_heap_limit};
use crate::isolate::limits::heap_limit;
use crate::isolate::modules::{Modules, WorkerEntry};
use crate::isolate::sandbox::files::cwd::WorkingDirectory;
use crate::isolate::sandbox::files::sandbox_fs;
use crate::isolate::stdio::null_device;

/// Most workers of one process at a time: each may fill a heap of its own.
pub(crate) const MAX_WORKERS: usize = 16;

/// Smallest heap of a worker in MiB: the engine itself needs so much.
const SMALLEST_HEAP_MB: usize = 16;

/// The function that the engine calls on the thread of each new worker.
pub(crate) fn creator(process: ProcessSlot, cwd: WorkingDirectory) -> Arc<CreateWebWorkerCb> {
    Arc::new(move |args| create(&process, cwd, args))
}

thread_local! {
    /// Dropped as the thread ends, after the worker.
    static WORKER: RefCell<Option<WorkerThread>> = const { RefCell::new(None) };
}

/// The state of a worker's thread.
struct WorkerThread {
    process: Arc<ProcessContext>,
    streams: IsolateStreams,
    _guards: ThreadGuards,
}

impl Drop for WorkerThread {
    fn drop(&mut self) {
        self.streams.finish();
        self.process.control.threads.leave();
        self.process.control.isolates.leave();
    }
}

/// A panic in here becomes an error in the parent: Deno's callback cannot return one.
fn create(
    slot: &ProcessSlot,
    cwd: WorkingDirectory,
    args: CreateWebWorkerArgs,
) -> (WebWorker, SendableWebWorkerHandle) {
    let process = &slot.get().unwrap_or_else(|| panic!("the script of the worker has ended"));
    process.control.threads.join();
    let heap = Heap::of(process, &args);
    let guards = process.shared.enter_thread(crash::enter, heap.process_limit());
    let is_one_too_many = process.control.isolates.count() > MAX_WORKERS;
    let entry = WorkerEntry {
        main: args.main_module.clone(),
        blob: args.maybe_main_module_blob.clone(),
        parent: args.parent_permissions.clone(),
        exceeded_limit: is_one_too_many.then_some(MAX_WORKERS),
        on_error: report_text,
    };
    let permissions = args.permissions.clone();
    sandbox_fs::set_permissions(permissions.clone());
    let modules = Modules::for_worker(&process.entry, entry, permissions, process.writable.clone())
        .unwrap_or_else(|error| panic!("a worker has no modules: {error}"));
    let node = Some(modules.node_services());
    let services = process.shared.services(modules.loader(), node, args.permissions.clone());
    let options = worker_options(process, slot, cwd, args, &heap);
    let (mut worker, handle) =
        WebWorker::bootstrap_from_options(worker_services(services), options);
    modules.install(&mut worker.js_runtime.op_state().borrow_mut());
    let streams = process.connect(&mut worker.js_runtime, None);
    process
        .shared
        .install(&mut worker.js_runtime, &guards)
        .unwrap_or_else(|error| panic!("a worker could not be set up: {error}"));
    heap.guard(process, &mut worker);
    process.control.isolates.join(&mut worker.js_runtime);
    let thread = WorkerThread { process: process.clone(), streams, _guards: guards };
    WORKER.set(Some(thread));
    (worker, handle)
}

/// The heap limit of a worker, in bytes.
enum Heap {
    /// Reaching it ends the process.
    Process(usize),
    /// Set by `resourceLimits`. Reaching it ends the worker and raises an error in its parent.
    Own(usize),
}

impl Heap {
    fn of(process: &ProcessContext, args: &CreateWebWorkerArgs) -> Self {
        let wanted = args.resource_limits.as_ref();
        let wanted = wanted.and_then(|limits| limits.max_old_generation_size_mb);
        let wanted = wanted.map(|mb| mb.max(SMALLEST_HEAP_MB).saturating_mul(1 << 20));
        match wanted {
            Some(own) if own < process.limits.memory.heap => Self::Own(own),
            _ => Self::Process(process.limits.memory.heap),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Process(bytes) => heap_limit::with_slack(*bytes),
            Self::Own(bytes) => *bytes,
        }
    }

    /// The limit of the worker's heap.
    fn limit(&self) -> usize {
        match self {
            Self::Process(bytes) | Self::Own(bytes) => *bytes,
        }
    }

    /// The limit that ends the process.
    fn process_limit(&self) -> usize {
        match self {
            Self::Process(bytes) => *bytes,
            Self::Own(_) => usize::MAX,
        }
    }

    fn guard(&self, process: &ProcessContext, worker: &mut WebWorker) {
        if let Self::Process(_) = self {
            return process.shared.end_at_heap_limit(&mut worker.js_runtime);
        }
        let is_full = worker.oom_triggered.clone();
        let control = process.control.clone();
        at_heap_limit(&mut worker.js_runtime, self.bytes(), move || {
            is_full.store(true, Ordering::SeqCst);
            control.end_of_worker();
        });
    }
}

/// Formats an uncaught error for the engine, and prints it to stderr. Like the Deno command line, it prints also when
/// the script handles the error.
pub(crate) fn report(error: &JsError) -> String {
    let text = format_js_error(error, None);
    report_text(text.trim_start_matches("Uncaught "));
    text
}

fn report_text(error: &str) {
    WORKER.with_borrow(|thread| {
        if let Some(thread) = thread {
            let error = exit::shortened(error.to_owned());
            thread
                .streams
                .stdio
                .stderr
                .write_text(&format!("error: Uncaught (in worker) {error}\n"));
        }
    });
}

/// The `resourceLimits` that `node:worker_threads` reports in the worker, and V8's parameters for them.
fn resolve(
    args: &CreateWebWorkerArgs,
    heap: &Heap,
    params: v8::CreateParams,
) -> (ResolvedResourceLimits, v8::CreateParams) {
    let wanted = args.resource_limits.clone().unwrap_or_default();
    let most_young = params.max_young_generation_size_in_bytes();
    let young = wanted.max_young_generation_size_mb.map(|mb| mb.max(1).saturating_mul(1 << 20));
    let young = young.map_or(most_young, |wanted| wanted.min(most_young));
    let limits = ResolvedResourceLimits {
        max_young_generation_size_mb: young >> 20,
        max_old_generation_size_mb: heap.limit() >> 20,
        code_range_size_mb: wanted.code_range_size_mb.unwrap_or_default(),
        stack_size_mb: wanted.stack_size_mb.unwrap_or(DEFAULT_STACK_SIZE_MB),
    };
    (limits, params.set_max_young_generation_size_in_bytes(young))
}

fn worker_options(
    process: &ProcessContext,
    slot: &ProcessSlot,
    cwd: WorkingDirectory,
    args: CreateWebWorkerArgs,
    heap: &Heap,
) -> WebWorkerOptions {
    let (resolved, params) = resolve(&args, heap, process.shared.create_params(heap.bytes()));
    let limits = Extension {
        name: "js_runtime_limits",
        op_state_fn: Some(Box::new(move |state| state.put(resolved))),
        ..Extension::default()
    };
    let bootstrap = options::of_worker(process.plan.config.args.clone(), &args);
    WebWorkerOptions {
        name: args.name,
        worker_id: args.worker_id,
        bootstrap,
        main_module: args.main_module,
        extensions: vec![process.overrides(cwd), limits],
        startup_snapshot: Some(engine_files::SNAPSHOT),
        residual_lazy_js_sources: engine_files::SCRIPTS,
        residual_lazy_esm_sources: engine_files::MODULES,
        unsafely_ignore_certificate_errors: None,
        create_params: Some(params),
        seed: None,
        create_web_worker_cb: creator(slot.clone(), cwd),
        format_js_error_fn: Some(Arc::new(report)),
        worker_type: args.worker_type,
        cache_storage_dir: None,
        stdio: null_device().unwrap_or_else(|error| panic!("no null device: {error}")),
        trace_ops: None,
        close_on_idle: args.close_on_idle,
        maybe_worker_metadata: args.maybe_worker_metadata,
        maybe_main_module_blob: args.maybe_main_module_blob,
        maybe_coverage_dir: None,
        maybe_cpu_prof_config: None,
        enable_raw_imports: false,
        enable_stack_trace_arg_in_ops: false,
        wait_for_debugger_on_start: false,
        wait_for_page_wait_for_debugger: false,
    }
}

/// The services of a script in the type for workers.
fn worker_services(
    services: Services,
) -> WebWorkerServiceOptions<
    deno_resolver::npm::DenoInNpmPackageChecker,
    deno_resolver::npm::NpmResolver<crate::isolate::modules::Sys>,
    crate::isolate::modules::Sys,
> {
    let WorkerServiceOptions {
        blob_store,
        broadcast_channel,
        deno_rt_native_addon_loader,
        compiled_wasm_module_store,
        feature_checker,
        fs,
        module_loader,
        node_services,
        npm_process_state_provider,
        permissions,
        root_cert_store_provider,
        shared_array_buffer_store,
        bundle_provider,
        ..
    } = services;
    WebWorkerServiceOptions {
        blob_store,
        broadcast_channel,
        deno_rt_native_addon_loader,
        compiled_wasm_module_store,
        feature_checker,
        fs,
        main_inspector_session_tx: MainInspectorSessionChannel::default(),
        module_loader,
        node_services,
        npm_process_state_provider,
        permissions,
        root_cert_store_provider,
        shared_array_buffer_store,
        bundle_provider,
    }
}
