//! Workers that a script starts: `new Worker` and `node:worker_threads`.
//!
//! Deno gives each a thread, which descends from its parent's and so from the engine's. It gets what
//! its parent has: the same guards, streams, environment and folder, a heap of the same size, its part
//! of the same buffers, at most the same permissions. It ends with the script.

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
use crate::isolate::crash;
use crate::isolate::lifecycle::process_context::ProcessContext;
use crate::isolate::lifecycle::shared_state::{Around, Services, SharedState, at_heap_limit};
use crate::isolate::limits::heap_limit;
use crate::isolate::modules::{Modules, WorkerEntry};
use crate::isolate::sandbox::files::cwd::WorkingDirectory;
use crate::isolate::sandbox::files::sandbox_fs;
use crate::isolate::sandbox::module_patches;
use crate::isolate::stdio::{Streams, null_device};

/// Workers that may live at once, as each may fill a heap of its own.
pub(crate) const MOST: usize = 16;

/// The engine itself needs this much, in MiB, whatever a script wants for its worker.
const SMALLEST_HEAP_MB: usize = 16;

/// What the engine calls on the thread of each worker.
pub(crate) fn creator(
    commons: Arc<SharedState>,
    folder: WorkingDirectory,
) -> Arc<CreateWebWorkerCb> {
    Arc::new(move |args| {
        let program = commons.program().unwrap_or_else(|| panic!("its script has ended"));
        create(&program, folder, args)
    })
}

thread_local! {
    /// Dropped as the thread ends, when the engine has taken down everything else.
    static LIFE: RefCell<Option<Life>> = const { RefCell::new(None) };
}

/// A worker's time on its thread.
struct Life {
    program: Arc<ProcessContext>,
    streams: Streams,
    _around: Around,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.streams.finish();
        self.program.control.threads.leave();
        self.program.control.members.leave();
    }
}

/// A panic in here is an error in the parent: nothing else could be handed back.
fn create(
    program: &Arc<ProcessContext>,
    folder: WorkingDirectory,
    args: CreateWebWorkerArgs,
) -> (WebWorker, SendableWebWorkerHandle) {
    program.control.threads.join();
    let heap = Heap::of(program, &args);
    let around = program.commons.surround(crash::enter, heap.of_process());
    let is_one_too_many = program.control.members.count() > MOST;
    let entry = WorkerEntry {
        main: args.main_module.clone(),
        blob: args.maybe_main_module_blob.clone(),
        parent: args.parent_permissions.clone(),
        most: is_one_too_many.then_some(MOST),
        failed: report_text,
    };
    let permissions = args.permissions.clone();
    sandbox_fs::set_permissions(permissions.clone());
    let modules = Modules::for_worker(&program.entry, entry, permissions, program.writable.clone())
        .unwrap_or_else(|error| panic!("a worker has no modules: {error}"));
    let node = Some(modules.node_services());
    let services = program.commons.services(modules.loader(), node, args.permissions.clone());
    let options = worker_options(program, folder, args, &heap);
    let (mut worker, handle) = WebWorker::bootstrap_from_options(reduced(services), options);
    modules.install(&mut worker.js_runtime.op_state().borrow_mut());
    let streams = program.connect(&mut worker.js_runtime, None);
    program
        .commons
        .furnish(&mut worker.js_runtime, &around)
        .unwrap_or_else(|error| panic!("a worker could not be set up: {error}"));
    heap.guard(program, &mut worker);
    program.control.members.join(&mut worker.js_runtime);
    let life = Life { program: program.clone(), streams, _around: around };
    LIFE.with(|place| *place.borrow_mut() = Some(life));
    (worker, handle)
}

/// Whose limit the heap of a worker has.
enum Heap {
    /// Reaching it ends the process.
    Process(usize),
    /// Its script gave it one of its own, and is told when it is reached.
    Own(usize),
}

impl Heap {
    fn of(program: &ProcessContext, args: &CreateWebWorkerArgs) -> Self {
        let wanted = args.resource_limits.as_ref();
        let wanted = wanted.and_then(|limits| limits.max_old_generation_size_mb);
        let wanted = wanted.map(|mb| mb.max(SMALLEST_HEAP_MB).saturating_mul(1 << 20));
        match wanted {
            Some(own) if own < program.limits.memory.heap => Self::Own(own),
            _ => Self::Process(program.limits.memory.heap),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Process(bytes) => heap_limit::with_room(*bytes),
            Self::Own(bytes) => *bytes,
        }
    }

    /// Beyond which the worker ends, or the process.
    fn limit(&self) -> usize {
        match self {
            Self::Process(bytes) | Self::Own(bytes) => *bytes,
        }
    }

    /// Beyond which the process ends.
    fn of_process(&self) -> usize {
        match self {
            Self::Process(bytes) => *bytes,
            Self::Own(_) => usize::MAX,
        }
    }

    fn guard(&self, program: &ProcessContext, worker: &mut WebWorker) {
        if let Self::Process(_) = self {
            return program.commons.end_at_heap_limit(&mut worker.js_runtime);
        }
        let is_full = worker.oom_triggered.clone();
        let control = program.control.clone();
        at_heap_limit(&mut worker.js_runtime, self.bytes(), move || {
            is_full.store(true, Ordering::SeqCst);
            control.end_of_worker();
        });
    }
}

/// An uncaught error, as the engine wants it for a log that nobody reads. It is said on stderr instead, as
/// the Deno command line does, whether or not the script listens for it.
pub(crate) fn report(error: &JsError) -> String {
    let text = format_js_error(error, None);
    report_text(text.trim_start_matches("Uncaught "));
    text
}

fn report_text(error: &str) {
    LIFE.with_borrow(|life| {
        if let Some(life) = life {
            let error = exit::shortened(error.to_owned());
            life.streams.stderr.say(&format!("error: Uncaught (in worker) {error}\n"));
        }
    });
}

/// What `resourceLimits` of `node:worker_threads` tells in the worker, and where V8 is told of it.
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
    program: &Arc<ProcessContext>,
    folder: WorkingDirectory,
    args: CreateWebWorkerArgs,
    heap: &Heap,
) -> WebWorkerOptions {
    let fail = |error: String| panic!("a worker could not be made: {error}");
    let (resolved, params) = resolve(&args, heap, program.commons.create_params(heap.bytes()));
    let limits = Extension {
        name: "js_runtime_limits",
        op_state_fn: Some(Box::new(move |state| state.put(resolved))),
        ..Extension::default()
    };
    let bootstrap = options::of_worker(program.config.args.clone(), &args);
    WebWorkerOptions {
        name: args.name,
        worker_id: args.worker_id,
        bootstrap,
        main_module: args.main_module,
        extensions: vec![program.guards(folder), limits],
        startup_snapshot: deno_snapshots::CLI_SNAPSHOT,
        // The script's own isolate was made of the same.
        residual_lazy_js_sources: module_patches::scripts().unwrap_or_else(fail),
        residual_lazy_esm_sources: module_patches::modules().unwrap_or_else(fail),
        unsafely_ignore_certificate_errors: None,
        create_params: Some(params),
        seed: None,
        create_web_worker_cb: creator(program.commons.clone(), folder),
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

/// The services of a script, as the engine wants them for a worker.
fn reduced(
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
