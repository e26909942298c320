//! The callback that V8 calls to enter an op, which a function of this crate can wrap.
//!
//! No script can bypass it. A V8 fast call of an op does not use this callback.

use std::ffi::c_void;
use std::ptr;
use std::sync::LazyLock;

use deno_runtime::deno_core::_ops::OpCtx;
use deno_runtime::deno_core::{AccessorType, OpDecl, OpMetadata, ascii_str, v8};

pub(crate) type Callback = unsafe extern "C" fn(*const v8::FunctionCallbackInfo);
type Implementation = fn(*const v8::FunctionCallbackInfo) -> usize;

/// Replaces the callback of an op. The new one ends with [`call`].
pub(crate) fn with_entry(mut op: OpDecl, callback: Callback) -> OpDecl {
    // SAFETY: every `OpDecl` has its callback, of this type, at the offset that `OFFSETS` has measured.
    unsafe { (&raw mut op).byte_add(OFFSETS.callback).cast::<Callback>().write(callback) };
    op
}

/// Offsets in an `OpDecl`, in bytes. Both fields are private to `deno_core`.
struct Offsets {
    callback: usize,
    implementation: usize,
}

static OFFSETS: LazyLock<Offsets> = LazyLock::new(|| {
    unsafe extern "C" fn enter(_: *const v8::FunctionCallbackInfo) {}
    fn nothing(_: *const v8::FunctionCallbackInfo) -> usize {
        usize::MAX
    }
    let (callback, implementation): (Callback, Implementation) = (enter, nothing);
    let name = ("op_offset", ascii_str!("op_offset"));
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
    let find_offset = |function: usize| {
        let mut offsets = 0..size_of::<OpDecl>() / size_of::<usize>();
        // SAFETY: `at` is within the declaration, which is aligned for a word. The volatile read gives padding an
        // arbitrary but fixed value.
        let found = offsets.find(|at| unsafe { words.add(*at).read_volatile() } == function);
        found.expect("a declaration contains its functions") * size_of::<usize>()
    };
    Offsets {
        callback: find_offset(callback as usize),
        implementation: find_offset(implementation as usize),
    }
});

/// The op of a function.
///
/// # Safety
///
/// `data` must be the data of an op's function.
pub(crate) unsafe fn declaration(data: v8::Local<'_, v8::Value>) -> &OpDecl {
    // SAFETY: the data of an op's function is an external pointer to its `OpCtx`, which lives as long as the isolate
    // (`deno_core`). `data` is borrowed from a running call, so the isolate is alive.
    unsafe {
        let context: *mut c_void = v8::Local::<v8::External>::cast_unchecked(data).value();
        (*context.cast::<OpCtx>()).decl()
    }
}

/// Calls the implementation of an op.
///
/// # Safety
///
/// `info` must be the one that V8 passes to the callback of `op`, and the call must still be running.
pub(crate) unsafe fn call(info: *const v8::FunctionCallbackInfo, op: &OpDecl) {
    // SAFETY: every `OpDecl` has its implementation, of this type, at the offset that `OFFSETS` has measured.
    let implementation = unsafe {
        ptr::from_ref(op).byte_add(OFFSETS.implementation).cast::<Implementation>().read()
    };
    // The return value is for metrics only.
    implementation(info);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(in super::super) fn callback(op: &OpDecl) -> usize {
        // SAFETY: as in `with_entry`.
        unsafe { ptr::from_ref(op).byte_add(OFFSETS.callback).cast::<usize>().read() }
    }
}
