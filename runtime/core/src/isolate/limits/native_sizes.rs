//! Counts native memory of a size that a script chooses, before it is allocated.

use std::sync::Arc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::v8;
use deno_runtime::deno_core::v8::cppgc::{GarbageCollected, Visitor};

use super::array_buffers::ArrayBuffers;
use super::control::Control;

/// A reservation of native memory, counted as array buffers until it is dropped.
pub(crate) struct Taken {
    owner: Arc<ArrayBuffers>,
    bytes: usize,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.owner.give_back(self.bytes);
    }
}

// SAFETY: the type contains no V8 or cppgc reference, so there is nothing to trace.
unsafe impl GarbageCollected for Taken {
    fn trace(&self, _: &mut Visitor) {}

    fn get_name(&self) -> &'static std::ffi::CStr {
        c"Taken"
    }
}

/// Reserves `bytes`; `None` for 0 or outside of a process. Collects garbage and retries before it fails with a
/// `RangeError`.
pub(crate) fn take(
    scope: &mut v8::PinScope<'_, '_>,
    bytes: f64,
) -> Result<Option<Taken>, JsErrorBox> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates"
    )]
    let count = bytes.ceil() as usize;
    let owner = Control::of_this_thread().and_then(|control| control.buffers.get().cloned());
    let Some(owner) = owner.filter(|_| count > 0) else {
        return Ok(None);
    };
    if !owner.take_native(count) {
        scope.low_memory_notification();
        if !owner.take_native(count) {
            let message = format!("{bytes} bytes are not available (limits.arrayBufferMb)");
            return Err(JsErrorBox::range_error(message));
        }
    }
    Ok(Some(Taken { owner, bytes: count }))
}

/// Fails if `bytes` cannot be reserved now.
pub(crate) fn check(scope: &mut v8::PinScope<'_, '_>, bytes: f64) -> Result<(), JsErrorBox> {
    take(scope, bytes).map(drop)
}
