//! Terminates running JavaScript from another thread, at a place where termination is safe.
//!
//! Deno panics if it is terminated while it loads one of its own modules, which happens for many imports and on first
//! use of many APIs. So an interrupt inspects the stack on the isolate's thread, and terminates only if the script's own
//! code runs. Otherwise the caller repeats the request. V8 terminates a few steps after the interrupt, so from then on
//! no `import()` may start a load. A started `import()` looks like the script's own code on the stack; it is recognized
//! by its source position.
//!
//! # Why an interrupt callback may capture the stack
//!
//! V8 requires that an interrupt callback does not re-enter the isolate, and does not document whether it may allocate.
//! These facts about V8 150 (`src/execution`, `src/api`) show that capturing the stack is sound:
//!
//! - The callback is an `API_INTERRUPT`, and only `StackGuard::HandleInterrupts` calls it. Its level is
//!   `kNoHeapWrites`, like that of `GC_REQUEST`: where V8 handles one it may collect garbage for the other, so no
//!   caller holds a raw address of an object. Code that must not allocate, such as the fast path of `JSON.stringify`,
//!   handles only the level `kNoGC`, which has no callbacks.
//! - `Isolate::InvokeApiInterruptCallbacks` opens a handle scope and leaves the state of running JavaScript, as
//!   V8 does before every embedder callback.
//! - Optimized code keeps values that it has loaded from objects across a check of the level `kNoHeapWrites`. A stack
//!   trace consists of new objects. It also writes caches of scripts and functions (line ends, source positions),
//!   which compiled JavaScript never loads.
//! - `StackTrace::CurrentStackTrace` forbids JavaScript and exceptions while it works
//!   (`EnterV8NoScriptNoExceptionScope`), and names of frames are only read. Entering a context sets the isolate's
//!   current context until the scope ends.
//!
//! If the heap is too full for a stack trace, the isolate ends with a full heap.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use deno_runtime::deno_core::{JsRuntime, v8};

use super::thread_clock::ThreadClock;

/// Processor time of the thread after which it is terminated wherever it is, if no engine module was loading. Several
/// times the duration of one load, and less than the second within which a kill succeeds.
const PATIENCE: Duration = Duration::from_millis(200);

/// The same if an engine module was loading. A script may load all of them in a row with hardly any code of its own in
/// between, and each load takes several times longer on a busy machine.
pub(crate) const LOAD_PATIENCE: Duration = Duration::from_millis(1500);

/// Elapsed time after which a sleeping thread is terminated, however little it has worked. Less than the time after
/// which the supervisor abandons it.
const SLEEPING_PATIENCE: Duration = Duration::from_secs(3);

/// The same for a thread that works or waits for a processor; the supervisor abandons it later.
const RUNNABLE_PATIENCE: Duration = Duration::from_secs(8);

/// A thread with more than this many inspections is known to run.
const MIN_INSPECTIONS: u32 = 10;

/// A thread that works for less than 1/20 of the time sleeps on purpose.
const MIN_WORK_DIVISOR: u32 = 20;

/// The prefixes of names of the engine's own modules and scripts.
const ENGINE_PREFIXES: [&str; 2] = ["ext:", "node:"];

/// The names of the engine's functions that load a module or a script.
const LOADERS: [&str; 2] = ["lazyLoad", "loadExtScript"];

/// Part of the snapshot, so it never loads. Its unnamed functions call the script.
const CORE: &str = "ext:core/01_core.js";

/// More frames than fit on V8's stack.
const ALL_FRAMES: usize = 100_000;

thread_local! {
    static CURRENT: RefCell<Option<CurrentIsolate>> = const { RefCell::new(None) };
}

/// The isolate of this thread.
struct CurrentIsolate {
    context: v8::Global<v8::Context>,
    /// V8 numbers scripts in the order of their compilation. Those with a lower number were compiled before the script
    /// started. Most of them have loaded too.
    first_script: usize,
    inspections: Arc<Inspections>,
    is_ending: Cell<bool>,
    /// The position of the latest `import()`.
    import: Cell<Option<SourcePosition>>,
}

/// The position of a call in the text of a script.
#[derive(Clone, Copy, PartialEq, Eq)]
struct SourcePosition {
    script: usize,
    line: usize,
    column: usize,
}

impl SourcePosition {
    fn of(frame: &v8::StackFrame) -> Self {
        Self {
            script: frame.get_script_id(),
            line: frame.get_line_number(),
            column: frame.get_column(),
        }
    }
}

/// Interrupts one isolate.
pub(crate) struct Interrupt {
    thread: ThreadId,
    isolate: v8::IsolateHandle,
    clock: ThreadClock,
    first_request: Option<Request>,
    inspections: Arc<Inspections>,
}

/// Counts inspections of the stack. None happens while the engine compiles.
#[derive(Default)]
struct Inspections {
    count: AtomicU32,
    /// Whether any of them found an engine module that was loading.
    found_load: AtomicBool,
}

/// The first request to interrupt an isolate.
struct Request {
    at: Instant,
    /// Processor time of the thread until then.
    worked: Option<Duration>,
}

impl Request {
    fn now(clock: &ThreadClock) -> Self {
        Self { at: Instant::now(), worked: clock.now() }
    }

    /// `is_responsive` is true for a thread that runs when it is interrupted. If it works little, it sleeps on purpose.
    /// A thread that is not responsive may wait for a processor.
    fn has_expired(&self, patience: Duration, clock: &ThreadClock, is_responsive: bool) -> bool {
        let passed = self.at.elapsed();
        let worked = self.worked.zip(clock.now()).map(|(then, now)| now.saturating_sub(then));
        match worked {
            None => passed > patience,
            Some(worked) if worked > patience => true,
            Some(_) if !clock.is_sleeping() => passed > RUNNABLE_PATIENCE,
            Some(worked) if is_responsive && worked <= passed / MIN_WORK_DIVISOR => {
                passed > patience
            }
            Some(_) => passed > SLEEPING_PATIENCE,
        }
    }
}

impl Interrupt {
    /// Call on the isolate's thread.
    pub(crate) fn of(runtime: &mut JsRuntime) -> Self {
        let inspections = Arc::<Inspections>::default();
        let context = runtime.main_context();
        CURRENT.set(Some(CurrentIsolate {
            first_script: next_script_id(runtime.v8_isolate(), &context),
            context,
            inspections: inspections.clone(),
            is_ending: Cell::default(),
            import: Cell::default(),
        }));
        let isolate = runtime.v8_isolate().thread_safe_handle();
        Self {
            thread: thread::current().id(),
            isolate,
            clock: ThreadClock::of_this_thread(),
            first_request: None,
            inspections,
        }
    }

    pub(crate) fn is_of_this_thread(&self) -> bool {
        self.thread == thread::current().id()
    }

    pub(crate) fn isolate(&self) -> &v8::IsolateHandle {
        &self.isolate
    }

    /// Terminates the running code, at once if patience has run out or on the isolate's own thread. Must be repeated
    /// until the code has ended.
    pub(crate) fn request(&mut self) {
        let first = self.first_request.get_or_insert_with(|| Request::now(&self.clock));
        let found_load = self.inspections.found_load.load(Ordering::Relaxed);
        let is_responsive = self.inspections.count.load(Ordering::Relaxed) > MIN_INSPECTIONS;
        let patience = if found_load { LOAD_PATIENCE } else { PATIENCE };
        if first.has_expired(patience, &self.clock, is_responsive) || self.is_of_this_thread() {
            self.isolate.terminate_execution();
        } else {
            self.isolate.request_interrupt(end_in_script, ptr::null_mut());
        }
    }

    /// The same from a callback of V8, such as that of a garbage collection, where the stack cannot be inspected.
    /// Must be followed by [`Self::request`].
    pub(crate) fn request_from_within(&self) {
        self.isolate.request_interrupt(end_between_loads, ptr::null_mut());
    }
}

/// The number that V8 gives to the next script. 0 if the heap is full.
fn next_script_id(isolate: &mut v8::Isolate, context: &v8::Global<v8::Context>) -> usize {
    v8::scope!(let scope, isolate);
    let context = v8::Local::new(scope, context);
    let scope = &v8::ContextScope::new(scope, context);
    let mut source = v8::script_compiler::Source::new(v8::String::empty(scope), None);
    let compiled = v8::script_compiler::compile_function(
        scope,
        &mut source,
        &[],
        &[],
        v8::script_compiler::CompileOptions::NoCompileOptions,
        v8::script_compiler::NoCacheReason::NoReason,
    );
    compiled.and_then(|function| usize::try_from(function.script_id()).ok()).unwrap_or_default()
}

/// Call when an `import()` starts. Returns `false` if the script is being terminated and must not load modules.
pub(crate) fn may_import(scope: &mut v8::PinScope<'_, '_>) -> bool {
    CURRENT.with_borrow(|current| {
        let Some(current) = current else { return true };
        let stack = v8::StackTrace::current_stack_trace(scope, 1);
        let stack = stack.filter(|stack| stack.get_frame_count() > 0);
        let latest = stack.and_then(|stack| stack.get_frame(scope, 0));
        current.import.set(latest.map(|frame| SourcePosition::of(&frame)));
        !current.is_ending.get()
    })
}

/// Interrupt callback: terminates if the script's own code runs.
unsafe extern "C" fn end_in_script(isolate: v8::UnsafeRawIsolatePtr, _: *mut c_void) {
    // SAFETY: V8 passes the isolate that is entered on this thread.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    end_unless(&mut isolate, |stack| stack.is_loading || stack.is_in_engine);
}

/// Interrupt callback: terminates also in the engine's code, which may be the code that allocates the memory.
unsafe extern "C" fn end_between_loads(isolate: v8::UnsafeRawIsolatePtr, _: *mut c_void) {
    // SAFETY: V8 passes the isolate that is entered on this thread.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    end_unless(&mut isolate, |stack| stack.is_loading);
}

fn end_unless(isolate: &mut v8::Isolate, is_unsafe: impl FnOnce(&Stack) -> bool) {
    CURRENT.with_borrow(|current| {
        let stack = current.as_ref().map_or_else(Stack::default, |it| it.inspect(isolate));
        if !is_unsafe(&stack) {
            if let Some(current) = current {
                current.is_ending.set(true);
            }
            isolate.terminate_execution();
        }
    });
}

/// The result of an inspection of the stack.
#[derive(Default)]
struct Stack {
    /// The innermost frame belongs to the engine.
    is_in_engine: bool,
    /// A frame loads one of the engine's own modules, or the innermost is a started `import()`.
    is_loading: bool,
}

impl CurrentIsolate {
    fn inspect(&self, isolate: &mut v8::Isolate) -> Stack {
        v8::scope!(let scope, isolate);
        let context = v8::Local::new(scope, &self.context);
        let scope = &v8::ContextScope::new(scope, context);
        let mut found = Stack::default();
        let Some(stack) = v8::StackTrace::current_stack_trace(scope, ALL_FRAMES) else {
            return found;
        };
        let text = |text: Option<v8::Local<v8::String>>| {
            text.map(|text| text.to_rust_string_lossy(scope)).unwrap_or_default()
        };
        // Read the name of a script once: in deep recursion all frames belong to the same script.
        let (mut script, mut source) = (None, String::new());
        // The frame before has no name and was compiled before the script started.
        let mut is_old_unnamed = false;
        for at in 0..stack.get_frame_count() {
            let Some(frame) = stack.get_frame(scope, at) else { continue };
            let is_import = self.import.get() == Some(SourcePosition::of(&frame));
            found.is_loading |= at == 0 && is_import;
            if script.replace(frame.get_script_id()) != Some(frame.get_script_id()) {
                source = text(frame.get_script_name_or_source_url(scope));
            }
            let is_of_engine = ENGINE_PREFIXES.iter().any(|prefix| source.starts_with(prefix));
            // The engine's functions call callbacks. They load a module only by an import or a function with a name.
            found.is_loading |= is_old_unnamed && (is_import || !is_of_engine);
            is_old_unnamed = false;
            if !is_of_engine {
                continue;
            }
            found.is_in_engine |= at == 0;
            let function = text(frame.get_function_name(scope));
            // Neither the top-level code of a module nor a callback has a name.
            let is_unnamed = function.is_empty() && source != CORE;
            is_old_unnamed = is_unnamed && frame.get_script_id() < self.first_script;
            found.is_loading |= is_unnamed && !is_old_unnamed;
            found.is_loading |= LOADERS.contains(&function.as_str());
        }
        // Top-level code that no JavaScript calls.
        found.is_loading |= is_old_unnamed;
        self.inspections.found_load.fetch_or(found.is_loading, Ordering::Relaxed);
        self.inspections.count.fetch_add(1, Ordering::Relaxed);
        found
    }
}
