//! Callbacks from SQLite into JavaScript.

use std::rc::Rc;

use deno_runtime::deno_core::v8;

use super::connections::Connection;

/// The isolate and the context in which a callback runs.
pub(super) struct Realm {
    isolate: v8::UnsafeRawIsolatePtr,
    context: v8::Global<v8::Context>,
}

impl Realm {
    /// The isolate and the context that run now.
    pub(super) fn here(scope: &mut v8::PinScope<'_, '_>) -> Self {
        let context = scope.get_current_context();
        // SAFETY: only `call` uses the address, while the isolate is alive.
        let isolate = unsafe { scope.as_raw_isolate_ptr() };
        Self { isolate, context: v8::Global::new(scope, context) }
    }

    /// Calls JavaScript for SQLite. Returns `None` if SQLite may not call JavaScript now, or if `act` throws.
    pub(super) fn call<T>(
        &self,
        connection: &Rc<Connection>,
        act: impl FnOnce(&mut v8::PinScope<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        if !connection.may_call() {
            return None;
        }
        // SAFETY: `may_call` is true only during a native method that this isolate has called on this thread, so the
        // isolate is alive and entered.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.isolate) };
        v8::scope_with_context!(let scope, &mut isolate, &self.context);
        connection.call(scope, act)
    }
}
