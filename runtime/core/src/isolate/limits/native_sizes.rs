//! Native memory whose size a script names: it is asked first whether the process may have so much.

use std::sync::Arc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::v8;
use deno_runtime::deno_core::v8::cppgc::{GarbageCollected, Visitor};

use crate::isolate::crash;
use crate::isolate::limits::array_buffers::ArrayBuffers;

/// Memory that native code has taken, or is about to; counted among the array buffers as long as this lives.
pub(crate) struct Taken {
    owner: Arc<ArrayBuffers>,
    bytes: usize,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.owner.give_back(self.bytes);
    }
}

// SAFETY: it has nothing of V8's.
unsafe impl GarbageCollected for Taken {
    fn trace(&self, _: &mut Visitor) {}

    fn get_name(&self) -> &'static std::ffi::CStr {
        c"Taken"
    }
}

/// Takes so many bytes, if any. Where they are refused garbage is collected first.
pub(crate) fn take(
    scope: &mut v8::PinScope<'_, '_>,
    bytes: f64,
) -> Result<Option<Taken>, JsErrorBox> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what is out of range becomes the nearest number"
    )]
    let count = bytes.ceil() as usize;
    let owner = crash::process_here().and_then(|process| process.buffers.get().cloned());
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

/// Whether so many bytes could be taken.
pub(crate) fn check(scope: &mut v8::PinScope<'_, '_>, bytes: f64) -> Result<(), JsErrorBox> {
    take(scope, bytes).map(drop)
}
