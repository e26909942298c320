//! How running JavaScript is interrupted from another thread: in the script's own code.
//!
//! The engine fails when it is interrupted while it loads a module of its own, as it does for many an
//! `import` and for much that is used for the first time. So an isolate is asked to look where it
//! stands, and ends the script there if that is the script's code. If it is the engine's, whoever asked
//! asks again soon.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use deno_runtime::deno_core::{JsRuntime, v8};

/// The engine's code may go on for so long: a multiple of what loading a module takes, and a part of
/// the second within which a kill succeeds.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the names of the engine's own modules and scripts begin with.
const ENGINES: [&str; 2] = ["ext:", "node:"];

thread_local! {
    /// Where this thread's scripts run.
    static CONTEXT: RefCell<Option<v8::Global<v8::Context>>> = const { RefCell::new(None) };
}

/// The means to interrupt one isolate.
pub(super) struct Interrupt {
    thread: ThreadId,
    isolate: v8::IsolateHandle,
    first_asked: Option<Instant>,
}

impl Interrupt {
    /// Called on the isolate's thread.
    pub(super) fn of(runtime: &mut JsRuntime) -> Self {
        CONTEXT.set(Some(runtime.main_context()));
        let isolate = runtime.v8_isolate().thread_safe_handle();
        Self { thread: thread::current().id(), isolate, first_asked: None }
    }

    pub(super) fn is_of_this_thread(&self) -> bool {
        self.thread == thread::current().id()
    }

    pub(super) fn isolate(&self) -> &v8::IsolateHandle {
        &self.isolate
    }

    /// Ends what runs. To be called again while it goes on.
    pub(super) fn ask(&mut self) {
        let asked = *self.first_asked.get_or_insert_with(Instant::now);
        if self.is_of_this_thread() || asked.elapsed() > PATIENCE {
            self.isolate.terminate_execution();
        } else {
            self.isolate.request_interrupt(end_in_script, ptr::null_mut());
        }
    }
}

/// Called by V8 on the isolate's thread, between two steps of what runs there.
unsafe extern "C" fn end_in_script(isolate: v8::UnsafeRawIsolatePtr, _: *mut c_void) {
    // SAFETY: V8 hands over the isolate that runs on this thread.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    if !stands_in_the_engines_code(&mut isolate) {
        isolate.terminate_execution();
    }
}

fn stands_in_the_engines_code(isolate: &mut v8::Isolate) -> bool {
    v8::scope!(let scope, isolate);
    CONTEXT.with_borrow(|context| {
        let Some(context) = context else { return false };
        let context = v8::Local::new(scope, context);
        let scope = &v8::ContextScope::new(scope, context);
        let name = v8::StackTrace::current_script_name_or_source_url(scope);
        let name = name.map(|name| name.to_rust_string_lossy(scope)).unwrap_or_default();
        ENGINES.iter().any(|engines| name.starts_with(engines))
    })
}
