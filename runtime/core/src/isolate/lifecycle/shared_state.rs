//! What all isolates of one process have in common, from before it is known which process that will be.
//!
//! Nothing here is shared with another process: not blobs, not broadcasts, not shared memory.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

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

use crate::backend::plan::MemoryLimits;
use crate::isolate::crash::{self, Entered};
use crate::isolate::lifecycle::process_context::ProcessContext;
use crate::isolate::limits::array_buffers::ArrayBuffers;
use crate::isolate::limits::blobs::BlobSlices;
use crate::isolate::limits::control::{Control, Memory, SelfEnded};
use crate::isolate::limits::heap_limit::HeapLimit;
use crate::isolate::limits::key_sizes;
use crate::isolate::modules::Sys;
use crate::isolate::sandbox::files::fd_guard::FdGuard;
use crate::isolate::sandbox::files::open_files::OpenFiles;
use crate::isolate::sandbox::files::sandbox_fs::SandboxFs;
use crate::isolate::sandbox::native::handles;
use crate::isolate::sandbox::native::{compressors, http_parsers, http2_sessions, retained_memory};
use crate::isolate::sandbox::network::certificates::Certificates;
use crate::isolate::sandbox::ops::originals::Originals;
use crate::isolate::sandbox::sqlite;
use crate::isolate::stdio::frame_api;

/// How far what V8 holds may go over a heap's limit, whatever one call does: until the script is interrupted
/// it needs some memory, and built-in functions cannot be interrupted.
const MOST_OVER: usize = 64 << 20;

/// So much of that is left when V8 interrupts the script without asking where it stands.
const LAST_OVER: usize = 8 << 20;

/// How far it may go over, in steps, while it is not clear whether it is full.
const LEEWAY: usize = 4 << 20;

/// For new objects, at the most. V8 would take up to 96 MiB, and of pages that long lines were in it keeps
/// 32 for the next ones: the rest would be memory that the system has to make anew for each.
const MOST_YOUNG: usize = 24 << 20;

/// What scripts find already done, in this order.
const PREPARATIONS: [(&str, &str); 2] = [
    ("js-runtime:park", crate::child::command_line::PARK),
    ("js-runtime:lines", frame_api::SCRIPT),
];

/// Evaluates to where ops are, as `expose_ops.js` has left it behind, and takes it away.
const TAKE_NATIVES: &str =
    "((natives) => { delete globalThis.jsRuntimeOps; return natives })(jsRuntimeOps)";

/// Tells the engine's own modules whose isolate it is. Being a property that cannot be configured, it
/// can be neither changed nor hidden by a variable.
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
    /// Tells this process from all others that ever were.
    id: u64,
    program: OnceLock<Weak<ProcessContext>>,
}

/// What must live for longer than an isolate, on its thread.
pub(crate) struct Around {
    watch: Box<HeapLimit>,
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
        let control = Arc::<Control>::default();
        let buffers = ArrayBuffers::new(memory.array_buffers);
        // It is new.
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
            program: OnceLock::new(),
        })
    }

    /// Says which process it is.
    pub(crate) fn belong_to(&self, program: &Arc<ProcessContext>) {
        // There is only one.
        let _ = self.program.set(Arc::downgrade(program));
    }

    /// The process, while it lives.
    pub(crate) fn program(&self) -> Option<Arc<ProcessContext>> {
        self.program.get()?.upgrade()
    }

    /// Drops what scripts have stored. Called on the script's own thread when its isolates are gone: whatever
    /// dropping does, it does it there.
    pub(crate) fn clear(&self) {
        self.blobs.clear();
    }

    /// Called on an isolate's thread before the isolate is made; its heap ends the process when it holds
    /// more than so many bytes.
    pub(crate) fn surround(&self, enter: fn(&Arc<Control>) -> Entered, heap: usize) -> Around {
        let limits = MemoryLimits { heap, ..self.memory };
        Around {
            watch: Box::new(HeapLimit::new(&self.control, limits)),
            descriptors: FdGuard::new(self.open_files.clone()),
            entered: enter(&self.control),
        }
    }

    pub(crate) fn create_params(&self, heap: usize) -> v8::CreateParams {
        let params = v8::CreateParams::default()
            .heap_limits(0, heap)
            // Of the heap as a whole V8 would keep a part for what is new.
            .set_max_old_generation_size_in_bytes(heap)
            .array_buffer_allocator(self.buffers.allocator().make_shared());
        let young = params.max_young_generation_size_in_bytes().min(MOST_YOUNG);
        params.set_max_young_generation_size_in_bytes(young)
    }

    /// Puts in place what needs a live isolate, before any script runs in it.
    pub(crate) fn furnish(&self, runtime: &mut JsRuntime, around: &Around) -> Result<(), String> {
        around.descriptors.set_state(&runtime.op_state());
        {
            let state = runtime.op_state();
            let mut state = state.borrow_mut();
            state.put(around.descriptors.clone());
            state.put(self.blob_slices.clone());
        }
        install_natives(runtime)?;
        let isolate = runtime.v8_isolate();
        around.entered.has_isolate();
        isolate.set_oom_error_handler(crash::out_of_memory);
        isolate.add_message_listener(ignore_message);
        around.watch.over(isolate);
        for (name, script) in PREPARATIONS {
            runtime.execute_script(name, script).map_err(|error| error.to_string())?;
        }
        let process = format!("{PROCESS}'{}:' }})", self.id);
        let prepared = runtime.execute_script("js-runtime:process", process);
        prepared.map(drop).map_err(|error| error.to_string())
    }

    /// Ends the whole process when the isolate's heap is full.
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

/// Puts functions of Rust in the place of what scripts would else have natively.
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
    installed.ok_or_else(|| "the engine's native classes are not what they should be".to_owned())
}

/// Calls `act` when the heap is nearly full, and leaves room for the script to be interrupted: twice, and the
/// second time the interruption is one that V8 takes wherever it can. When the room is used up, V8 ends in
/// [`crash::out_of_memory`].
pub(crate) fn at_heap_limit(runtime: &mut JsRuntime, limit: usize, act: impl Fn() + 'static) {
    let isolate = runtime.v8_isolate().thread_safe_handle();
    // New objects are not counted by the limit that V8 is given.
    let most = limit.saturating_add(MOST_OVER - MOST_YOUNG);
    let first = most - LAST_OVER;
    runtime.add_near_heap_limit_callback(move |current, _| {
        if ArrayBuffers::is_all_about_a_refusal() {
            // A little, so that a heap that is full as well is not the end of the script.
            return (current + LEEWAY).min(most).max(current);
        }
        act();
        if current < first {
            return first;
        }
        isolate.terminate_execution();
        most.max(current)
    });
}

/// Without a listener V8 prints what nothing has caught, such as an error that a script is ended in, on the
/// application's stdout. Deno reports what is to be reported.
extern "C" fn ignore_message(_: v8::Local<v8::Message>, _: v8::Local<v8::Value>) {}
