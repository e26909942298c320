//! JavaScript that SQLite calls back.

use std::rc::Rc;

use deno_runtime::deno_core::v8;

use super::connections::Connection;

/// Where a function of a script runs.
pub(super) struct Realm {
    isolate: v8::UnsafeRawIsolatePtr,
    context: v8::Global<v8::Context>,
}

impl Realm {
    /// The one that runs now.
    pub(super) fn here(scope: &mut v8::PinScope<'_, '_>) -> Self {
        let context = scope.get_current_context();
        // SAFETY: the address is used as long as the isolate lives, see `call`.
        let isolate = unsafe { scope.as_raw_isolate_ptr() };
        Self { isolate, context: v8::Global::new(scope, context) }
    }

    /// Calls JavaScript for SQLite, if that is possible now. `None` when it is not, or when it has thrown.
    pub(super) fn call<T>(
        &self,
        connection: &Rc<Connection>,
        act: impl FnOnce(&mut v8::PinScope<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        if !connection.may_call() {
            return None;
        }
        // SAFETY: SQLite may call JavaScript only within a native method, which its isolate has called.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.isolate) };
        v8::scope_with_context!(let scope, &mut isolate, &self.context);
        connection.call(scope, act)
    }
}
