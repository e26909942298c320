//! How running JavaScript is interrupted from another thread: in the script's own code.
//!
//! The engine fails when it is interrupted while it loads a module of its own, as it does for many an
//! `import` and for much that is used for the first time. So an isolate is asked to look where it
//! stands, and ends the script there if that is the script's code. If it is the engine's, or such a load
//! is under way, whoever asked asks again soon. V8 ends it a few steps later, so no `import()` may begin
//! a load from then on. One that has begun may look like the script's code, and is known by where it stands.
//!
//! # Why an interrupt may look at the stack
//!
//! V8 asks of an interrupt's callback that it does not re-enter the isolate, and does not say whether it may
//! allocate. These facts of V8 150 (`src/execution`, `src/api`) show that it may do what is done here:
//!
//! - The callback is an `API_INTERRUPT`, and only `StackGuard::HandleInterrupts` calls it. Its level is
//!   `kNoHeapWrites`, as is that of `GC_REQUEST`: wherever V8 handles the one it may collect garbage for the
//!   other, so that no caller holds an address of an object meanwhile. Code in which nothing may be
//!   allocated, such as the fast way of `JSON.stringify`, handles the level `kNoGC` alone, which has no
//!   callbacks.
//! - `Isolate::InvokeApiInterruptCallbacks` opens a handle scope and leaves the state of running JavaScript, as
//!   V8 does before every function of an embedder.
//! - Optimised code keeps what it has loaded from objects across a check of the level `kNoHeapWrites`. A stack
//!   trace is made of new objects. What else it writes are caches of scripts and functions (line ends, source
//!   positions), which compiled JavaScript never loads.
//! - `StackTrace::CurrentStackTrace` forbids JavaScript and exceptions while it works
//!   (`EnterV8NoScriptNoExceptionScope`), and the names of frames are only read. Entering a context sets the
//!   isolate's current one until the scope is left.
//!
//! An isolate whose heap is so full that a stack trace does not fit ends as one whose heap is full.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use deno_runtime::deno_core::{JsRuntime, v8};

use super::thread_clock::ThreadClock;

/// The engine's code may work for so long, and native code that does not answer: a multiple of what loading
/// a module takes, and a part of the second within which a kill succeeds.
const PATIENCE: Duration = Duration::from_millis(200);

/// The same for a script that loads modules of the engine: it may load all of them, one after the other, and
/// has hardly any code of its own in between. A busy machine makes each load several times as long.
const LOAD_PATIENCE: Duration = Duration::from_millis(1500);

/// However little a thread has worked that sleeps: a part of the time after which it is given up.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// The same for a thread that waits for a processor: such a one is given up later.
const LAST_PATIENCE_AWAKE: Duration = Duration::from_secs(8);

/// So many answers show that a thread gets to run.
const ANSWERS: u32 = 10;

/// One that sleeps now and then works for so large a part of the time at the least.
const AWAKE: u32 = 20;

/// What the names of the engine's own modules and scripts begin with.
const ENGINES: [&str; 2] = ["ext:", "node:"];

/// What the engine calls its functions that load a module or a script. The code of a module itself has no
/// name.
const LOADERS: [&str; 3] = ["lazyLoad", "loadExtScript", ""];

/// Is there from the first, and has functions without a name that call the script.
const CORE: &str = "ext:core/01_core.js";

/// More than fit on V8's stack.
const ALL_FRAMES: usize = 100_000;

thread_local! {
    /// The isolate of this thread.
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

struct Here {
    /// Where its scripts run.
    context: v8::Global<v8::Context>,
    answers: Arc<Answers>,
    is_ending: Cell<bool>,
    /// The latest `import()`.
    import: Cell<Option<Spot>>,
}

/// Where a call stands in the text of a script.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Spot {
    script: usize,
    line: usize,
    column: usize,
}

impl Spot {
    fn of(frame: &v8::StackFrame) -> Self {
        Self {
            script: frame.get_script_id(),
            line: frame.get_line_number(),
            column: frame.get_column(),
        }
    }
}

/// The means to interrupt one isolate.
pub(crate) struct Interrupt {
    thread: ThreadId,
    isolate: v8::IsolateHandle,
    clock: ThreadClock,
    first_asked: Option<Asked>,
    answers: Arc<Answers>,
}

/// What an isolate has said of where it stands. It says nothing while the engine compiles.
#[derive(Default)]
struct Answers {
    count: AtomicU32,
    /// One of them was that it loads a module of the engine.
    has_loaded: AtomicBool,
}

/// When an isolate was first asked.
struct Asked {
    at: Instant,
    /// What its thread had worked by then.
    worked: Option<Duration>,
}

impl Asked {
    fn now(clock: &ThreadClock) -> Self {
        Self { at: Instant::now(), worked: clock.now() }
    }

    /// A thread that answers, and works for hardly any of the time though it could, sleeps.
    fn is_over(&self, patience: Duration, clock: &ThreadClock, has_answered: bool) -> bool {
        let passed = self.at.elapsed();
        let worked = self.worked.zip(clock.now()).map(|(then, now)| now.saturating_sub(then));
        match worked {
            None => passed > patience,
            Some(worked) if worked > patience => true,
            Some(_) if !clock.sleeps() => passed > LAST_PATIENCE_AWAKE,
            Some(worked) if has_answered && worked <= passed / AWAKE => passed > patience,
            Some(_) => passed > LAST_PATIENCE,
        }
    }
}

impl Interrupt {
    /// Called on the isolate's thread.
    pub(crate) fn of(runtime: &mut JsRuntime) -> Self {
        let answers = Arc::<Answers>::default();
        HERE.set(Some(Here {
            context: runtime.main_context(),
            answers: answers.clone(),
            is_ending: Cell::default(),
            import: Cell::default(),
        }));
        let isolate = runtime.v8_isolate().thread_safe_handle();
        Self {
            thread: thread::current().id(),
            isolate,
            clock: ThreadClock::of_this_thread(),
            first_asked: None,
            answers,
        }
    }

    pub(crate) fn is_of_this_thread(&self) -> bool {
        self.thread == thread::current().id()
    }

    pub(crate) fn isolate(&self) -> &v8::IsolateHandle {
        &self.isolate
    }

    /// Ends what runs. To be called again while it goes on.
    pub(crate) fn ask(&mut self) {
        let asked = self.first_asked.get_or_insert_with(|| Asked::now(&self.clock));
        let has_loaded = self.answers.has_loaded.load(Ordering::Relaxed);
        let has_answered = self.answers.count.load(Ordering::Relaxed) > ANSWERS;
        let patience = if has_loaded { LOAD_PATIENCE } else { PATIENCE };
        if asked.is_over(patience, &self.clock, has_answered) || self.is_of_this_thread() {
            self.isolate.terminate_execution();
        } else {
            self.isolate.request_interrupt(end_in_script, ptr::null_mut());
        }
    }

    /// Ends what runs when V8 has done what it is at, where it can not be asked where it stands. To be
    /// followed by [`Self::ask`].
    pub(crate) fn ask_from_within(&self) {
        self.isolate.request_interrupt(end_between_loads, ptr::null_mut());
    }
}

/// To be called when an `import()` begins: whether it may, or the script is to end where it stands.
pub(crate) fn may_import(scope: &mut v8::PinScope<'_, '_>) -> bool {
    HERE.with_borrow(|here| {
        let Some(here) = here else { return true };
        let stack = v8::StackTrace::current_stack_trace(scope, 1);
        let stack = stack.filter(|stack| stack.get_frame_count() > 0);
        let latest = stack.and_then(|stack| stack.get_frame(scope, 0));
        here.import.set(latest.map(|frame| Spot::of(&frame)));
        !here.is_ending.get()
    })
}

/// Called by V8 on the isolate's thread, between two steps of what runs there.
unsafe extern "C" fn end_in_script(isolate: v8::UnsafeRawIsolatePtr, _: *mut c_void) {
    // SAFETY: V8 hands over the isolate that runs on this thread.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    end_unless(&mut isolate, |stack| stack.is_loading || stack.is_engines);
}

/// Likewise; also in the engine's code, which may be the one that takes the memory.
unsafe extern "C" fn end_between_loads(isolate: v8::UnsafeRawIsolatePtr, _: *mut c_void) {
    // SAFETY: as above.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    end_unless(&mut isolate, |stack| stack.is_loading);
}

fn end_unless(isolate: &mut v8::Isolate, is_no_place: impl FnOnce(&Stack) -> bool) {
    HERE.with_borrow(|here| {
        let stack = here.as_ref().map_or_else(Stack::default, |here| here.look(isolate));
        if !is_no_place(&stack) {
            if let Some(here) = here {
                here.is_ending.set(true);
            }
            isolate.terminate_execution();
        }
    });
}

/// What is told by the calls that are under way.
#[derive(Default)]
struct Stack {
    /// The latest is one to the engine's code.
    is_engines: bool,
    /// One of them loads a module of the engine's own.
    is_loading: bool,
}

impl Here {
    fn look(&self, isolate: &mut v8::Isolate) -> Stack {
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
        // Of deep recursion all frames are of one script.
        let (mut script, mut source) = (None, String::new());
        for at in 0..stack.get_frame_count() {
            let Some(frame) = stack.get_frame(scope, at) else { continue };
            found.is_loading |= at == 0 && self.import.get() == Some(Spot::of(&frame));
            if script.replace(frame.get_script_id()) != Some(frame.get_script_id()) {
                source = text(frame.get_script_name_or_source_url(scope));
            }
            if !ENGINES.iter().any(|engines| source.starts_with(engines)) {
                continue;
            }
            found.is_engines |= at == 0;
            let function = text(frame.get_function_name(scope));
            let calls_the_script = function.is_empty() && source == CORE;
            found.is_loading |= LOADERS.contains(&function.as_str()) && !calls_the_script;
        }
        self.answers.has_loaded.fetch_or(found.is_loading, Ordering::Relaxed);
        self.answers.count.fetch_add(1, Ordering::Relaxed);
        found
    }
}
