//! The state that all isolates of one process share. Created before the process is known.
//!
//! Blobs, broadcasts and shared memory are not shared with other processes.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deno_runtime::FeatureChecker;
use deno_runtime::deno_core::{
    CompiledWasmModuleStore, CrossIsolateStore, JsRuntime, ModuleLoader, SharedArrayBufferStore,
    scope, v8,
};
use deno_runtime::deno_fetch::dns::Resolver;
use deno_runtime::deno_node::NodeExtInitServices;
use deno_runtime::deno_permissions::PermissionsContainer;
use deno_runtime::deno_web::{BlobStore, BlobStoreTrait, InMemoryBroadcastChannel};
use deno_runtime::worker::WorkerServiceOptions;

use crate::crash::{self, Crash, Entered};
use crate::generation::plan::MemoryLimits;
use crate::isolate::limits::array_buffers::ArrayBuffers;
use crate::isolate::limits::blobs::BlobSlices;
use crate::isolate::limits::control::{Control, Memory, SelfEnded};
use crate::isolate::limits::heap_limit::HeapLimit;
use crate::isolate::modules::Sys;
use crate::isolate::sandbox::files::fd_guard::FdGuard;
use crate::isolate::sandbox::files::open_files::OpenFiles;
use crate::isolate::sandbox::files::sandbox_fs::SandboxFs;
use crate::isolate::sandbox::native::handles;
use crate::isolate::sandbox::native::key_sizes;
use crate::isolate::sandbox::native::{compressors, http_parsers, http2_sessions, retained_memory};
use crate::isolate::sandbox::network::certificates::Certificates;
use crate::isolate::sandbox::ops::originals::Originals;
use crate::isolate::sandbox::sqlite;
use crate::isolate::stdio::frame_api;

/// How far a heap may grow beyond its limit, in bytes: until the script is interrupted it needs memory, and built-in
/// functions cannot be interrupted.
const MAX_OVER: usize = 64 << 20;

/// The part of [`MAX_OVER`] that is left when the script is terminated without its cooperation.
const LAST_OVER: usize = 8 << 20;

/// Step by which the limit grows while V8 handles a refused buffer.
const REFUSED_BUFFER_STEP: usize = 4 << 20;

/// Largest young generation, in bytes. V8 would take up to 96 MiB and retain only 32 MiB of free pages; the system would
/// have to provide the rest again for each long line.
const MAX_YOUNG: usize = 24 << 20;

/// Scripts that run in every isolate before the process's script, in this order.
const PRELUDE: [(&str, &str); 2] = [
    ("js-runtime:kkrpc-eof-workaround", crate::child::command_line::KKRPC_EOF_WORKAROUND),
    ("js-runtime:lines", frame_api::SCRIPT),
];

/// Evaluates to the ops that `expose_ops.js` has stored, and removes them from the global object.
const TAKE_NATIVES: &str =
    "((natives) => { delete globalThis.jsRuntimeOps; return natives })(jsRuntimeOps)";

/// Defines the id of the process for Deno's own modules. Scripts can neither change nor shadow the property, because it
/// is not configurable.
const PROCESS: &str = "Object.defineProperty(globalThis, 'jsRuntimeProcess', { value: ";

pub(crate) struct SharedState {
    pub(crate) memory: MemoryLimits,
    pub(crate) control: Arc<Control>,
    pub(crate) buffers: Arc<ArrayBuffers>,
    pub(crate) open_files: Arc<OpenFiles>,
    blobs: Arc<dyn BlobStoreTrait>,
    blob_slices: Arc<BlobSlices>,
    broadcasts: InMemoryBroadcastChannel,
    pub(crate) certificates: Arc<Certificates>,
    shared_memory: SharedArrayBufferStore,
    wasm_modules: CompiledWasmModuleStore,
    /// Unique for the lifetime of the application.
    id: u64,
}

/// The state of an isolate's thread that must outlive the isolate.
pub(crate) struct ThreadGuards {
    heap_limit: Box<HeapLimit>,
    descriptors: FdGuard,
    entered: Entered,
}

pub(crate) type NodeServices =
    NodeExtInitServices<deno_resolver::npm::DenoInNpmPackageChecker, NpmResolver, Sys>;

pub(crate) type Services =
    WorkerServiceOptions<deno_resolver::npm::DenoInNpmPackageChecker, NpmResolver, Sys>;

type NpmResolver = deno_resolver::npm::NpmResolver<Sys>;

impl SharedState {
    pub(crate) fn new(memory: MemoryLimits) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let control = Control::new();
        let buffers = ArrayBuffers::new(memory.array_buffers);
        // `control` is new, so this cannot fail.
        let _ = control.buffers.set(buffers.clone());
        Arc::new(Self {
            memory,
            control,
            buffers,
            open_files: Arc::default(),
            blobs: BlobStore::default_arc(),
            blob_slices: Arc::default(),
            broadcasts: InMemoryBroadcastChannel::default(),
            certificates: Arc::default(),
            shared_memory: CrossIsolateStore::default(),
            wasm_modules: CrossIsolateStore::default(),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Drops stored blobs. Called on the script's own thread when its isolates are gone, so that a failure while
    /// dropping belongs to the process.
    pub(crate) fn clear_blobs(&self) {
        self.blobs.clear();
    }

    /// Prepares an isolate's thread. Called before the isolate is created. More than `heap` bytes end the process.
    pub(crate) fn enter_thread(
        &self,
        enter: fn(&Arc<Crash>) -> Entered,
        heap: usize,
    ) -> ThreadGuards {
        let limits = MemoryLimits { heap, ..self.memory };
        ThreadGuards {
            heap_limit: Box::new(HeapLimit::new(&self.control, limits)),
            descriptors: FdGuard::new(self.open_files.clone()),
            entered: enter(&self.control.crash),
        }
    }

    pub(crate) fn create_params(&self, heap: usize) -> v8::CreateParams {
        let params = v8::CreateParams::default()
            .heap_limits(0, heap)
            // Without this option V8 subtracts the young generation from the limit that it is given.
            .set_max_old_generation_size_in_bytes(heap)
            .array_buffer_allocator(self.buffers.allocator().make_shared());
        let young = params.max_young_generation_size_in_bytes().min(MAX_YOUNG);
        params.set_max_young_generation_size_in_bytes(young)
    }

    /// Installs the state that needs an isolate, before any script runs in it.
    pub(crate) fn install(
        &self,
        runtime: &mut JsRuntime,
        guards: &ThreadGuards,
    ) -> Result<(), String> {
        guards.descriptors.set_state(&runtime.op_state());
        {
            let state = runtime.op_state();
            let mut state = state.borrow_mut();
            state.put(guards.descriptors.clone());
            state.put(self.blob_slices.clone());
        }
        install_natives(runtime)?;
        let isolate = runtime.v8_isolate();
        guards.entered.register_isolate();
        isolate.set_oom_error_handler(crash::out_of_memory);
        isolate.add_message_listener(ignore_message);
        guards.heap_limit.watch(isolate);
        for (name, script) in PRELUDE {
            runtime.execute_script(name, script).map_err(|error| error.to_string())?;
        }
        let process = format!("{PROCESS}'{}:' }})", self.id);
        let prepared = runtime.execute_script("js-runtime:process", process);
        prepared.map(drop).map_err(|error| error.to_string())
    }

    /// Ends the process when the isolate's heap is full.
    pub(crate) fn end_at_heap_limit(&self, runtime: &mut JsRuntime) {
        let control = self.control.clone();
        at_heap_limit(runtime, self.memory.heap, move || {
            control.end_of_script(SelfEnded::Exhausted(Memory::Heap));
        });
    }

    pub(crate) fn services(
        &self,
        module_loader: Rc<dyn ModuleLoader>,
        node_services: Option<NodeServices>,
        permissions: PermissionsContainer,
    ) -> Services {
        let mut features = FeatureChecker::default();
        // The default ends the application when an unstable feature is used.
        features.set_exit_cb(Box::new(|_, _| {}));
        WorkerServiceOptions {
            blob_store: self.blobs.clone(),
            broadcast_channel: self.broadcasts.clone(),
            deno_rt_native_addon_loader: None,
            feature_checker: Arc::new(features),
            fs: Arc::new(SandboxFs),
            module_loader,
            node_services,
            npm_process_state_provider: None,
            permissions,
            root_cert_store_provider: Some(self.certificates.clone()),
            fetch_dns_resolver: Resolver::default(),
            shared_array_buffer_store: Some(self.shared_memory.clone()),
            compiled_wasm_module_store: Some(self.wasm_modules.clone()),
            v8_code_cache: None,
            bundle_provider: None,
        }
    }
}

/// Replaces methods of native classes.
fn install_natives(runtime: &mut JsRuntime) -> Result<(), String> {
    let natives = runtime.execute_script("js-runtime:natives", TAKE_NATIVES);
    let natives = natives.map_err(|error| error.to_string())?;
    let state = runtime.op_state();
    scope!(scope, runtime);
    let natives = v8::Local::<v8::Array>::try_from(v8::Local::new(scope, natives)).ok();
    let installed = natives.and_then(|natives| {
        let ops: v8::Local<v8::Object> = natives.get_index(scope, 0)?.try_into().ok()?;
        let left: v8::Local<v8::Object> = natives.get_index(scope, 1)?.try_into().ok()?;
        state.borrow_mut().put(Originals::take(scope, ops, left)?);
        handles::install(scope, ops)?;
        compressors::install(scope, ops)?;
        retained_memory::install(scope, ops)?;
        http_parsers::install(scope, ops)?;
        http2_sessions::install(scope, ops)?;
        key_sizes::install(scope, ops)?;
        sqlite::install(scope, ops)
    });
    installed.ok_or_else(|| "a native class of the engine has an unexpected shape".to_owned())
}

/// Calls `act` when the heap is nearly full and raises the limit, so that the script can be interrupted. The second time
/// it also terminates execution. When that memory is used too, V8 calls [`crash::out_of_memory`].
pub(crate) fn at_heap_limit(runtime: &mut JsRuntime, limit: usize, act: impl Fn() + 'static) {
    let isolate = runtime.v8_isolate().thread_safe_handle();
    // The callback's limit is for the old generation alone.
    let most = limit.saturating_add(MAX_OVER - MAX_YOUNG);
    let first = most - LAST_OVER;
    runtime.add_near_heap_limit_callback(move |current, _| {
        if ArrayBuffers::is_about_a_refused_buffer() {
            // A refused buffer alone must not end the script, also when the heap is nearly full.
            return (current + REFUSED_BUFFER_STEP).min(most).max(current);
        }
        act();
        if current < first {
            return first;
        }
        isolate.terminate_execution();
        most.max(current)
    });
}

/// Without a listener V8 prints uncaught errors, such as the termination of a script, to the application's stdout. Deno
/// reports errors itself.
extern "C" fn ignore_message(_: v8::Local<v8::Message>, _: v8::Local<v8::Value>) {}
