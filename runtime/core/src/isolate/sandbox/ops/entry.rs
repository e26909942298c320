//! V8's way into an op: what `deno_core` calls first, which a function of ours can stand before.
//!
//! No script can go around it. An op that V8 enters by its fast way does not pass here.

use std::ffi::c_void;
use std::ptr;
use std::sync::LazyLock;

use deno_runtime::deno_core::_ops::OpCtx;
use deno_runtime::deno_core::{AccessorType, OpDecl, OpMetadata, ascii_str, v8};

pub(crate) type Callback = unsafe extern "C" fn(*const v8::FunctionCallbackInfo);
type Implementation = fn(*const v8::FunctionCallbackInfo) -> usize;

/// The op with another way in, which ends with [`call`].
pub(crate) fn with_entry(mut op: OpDecl, callback: Callback) -> OpDecl {
    // SAFETY: the callback is at this position of every declaration, and has this type.
    unsafe { (&raw mut op).byte_add(PLACES.callback).cast::<Callback>().write(callback) };
    op
}

/// Where a declaration has V8's way into the op, and the op itself. Both are private to `deno_core`.
struct Places {
    callback: usize,
    implementation: usize,
}

static PLACES: LazyLock<Places> = LazyLock::new(|| {
    unsafe extern "C" fn enter(_: *const v8::FunctionCallbackInfo) {}
    fn nothing(_: *const v8::FunctionCallbackInfo) -> usize {
        usize::MAX
    }
    let (callback, implementation): (Callback, Implementation) = (enter, nothing);
    let name = ("op_place", ascii_str!("op_place"));
    let decl = OpDecl::new_internal_op2(
        name,
        false,
        false,
        false,
        0,
        false,
        false,
        callback,
        implementation,
        AccessorType::None,
        None,
        None,
        OpMetadata::default(),
    );
    let words = ptr::from_ref(&decl).cast::<usize>();
    let place_of = |function: usize| {
        let mut places = 0..size_of::<OpDecl>() / size_of::<usize>();
        // SAFETY: the word is within the declaration, which is aligned for it. Read as volatile, a word of padding
        // has some value.
        let found = places.find(|at| unsafe { words.add(*at).read_volatile() } == function);
        found.expect("a declaration holds what it was made of") * size_of::<usize>()
    };
    Places {
        callback: place_of(callback as usize),
        implementation: place_of(implementation as usize),
    }
});

/// # Safety
///
/// The data must be that of an op's function.
pub(crate) unsafe fn declaration(data: v8::Local<'_, v8::Value>) -> &OpDecl {
    // SAFETY: `deno_core` gives each op's function its context, which lives for as long as the isolate.
    unsafe {
        let context: *mut c_void = v8::Local::<v8::External>::cast_unchecked(data).value();
        (*context.cast::<OpCtx>()).decl()
    }
}

/// # Safety
///
/// `info` must be a call that V8 makes, and `op` what it calls.
pub(crate) unsafe fn call(info: *const v8::FunctionCallbackInfo, op: &OpDecl) {
    // SAFETY: the implementation is at this position of every declaration, and has this type.
    let implementation = unsafe {
        ptr::from_ref(op).byte_add(PLACES.implementation).cast::<Implementation>().read()
    };
    // What it returns is for metrics.
    implementation(info);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(in super::super) fn callback(op: &OpDecl) -> usize {
        // SAFETY: as in `with_entry`.
        unsafe { ptr::from_ref(op).byte_add(PLACES.callback).cast::<usize>().read() }
    }
}
