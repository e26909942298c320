//! Buffers passed to ops that use them while JavaScript runs.
//!
//! An asynchronous op retains the backing store of a buffer, not the buffer. A backing store of fixed length stays
//! valid until the op drops it, even if the buffer is detached, transferred or collected. V8 unmaps pages of a
//! resizable `ArrayBuffer` when it shrinks, and a thread that reads them faults. An op that only reads therefore
//! gets a copy of a resizable buffer, and every other asynchronous op refuses it. Ops that parse on another thread,
//! or while JavaScript may run, always get a copy, because their input must not change.
//!
//! The check wraps the callback that V8 calls, so no script can bypass it. Ops with a V8 fast call retain no memory:
//! their arguments are borrowed for the call.

use deno_runtime::deno_core::{OpDecl, v8};

use crate::isolate::sandbox::ops::entry::{self, Callback, call, declaration};

/// Ops that always get a copy of their buffers.
pub(crate) const COPIED: [&str; 4] = [
    "op_node_gen_prime_async",
    "op_node_hkdf_async",
    "op_node_pbkdf2_async",
    // Calls back into JavaScript while it reads.
    "op_v8_new_deserializer",
];

/// Ops that only read their buffers, and get a copy of resizable or shared ones. The synchronous ops in this list
/// retain the memory after the call, run JavaScript during it (as the conversion of a later argument to a string
/// does), or read the memory twice and assume that it has not changed.
pub(crate) const READ: [&str; 26] = [
    "op_broadcast_deserialize",
    "op_decode",
    "op_deserialize",
    "op_encoding_decode",
    "op_encoding_decode_single",
    "op_encoding_decode_utf8",
    "op_encoding_decode_utf8_ascii_only",
    "op_http_set_response_body_bytes",
    "op_http_set_response_body_bytes_with_headers",
    "op_http_write",
    "op_net_send_udp",
    "op_net_send_unixpacket",
    "op_node_create_private_key",
    "op_node_create_public_key",
    "op_node_encoding_slice",
    "op_node_fs_write_deferred",
    "op_node_pbkdf2",
    "op_node_sign",
    "op_node_udp_send",
    "op_node_verify",
    "op_quic_connection_send_datagram",
    "op_readable_stream_resource_write_buf",
    "op_readable_stream_resource_write_sync",
    "op_transcode",
    "op_write",
    "op_write_all",
];

const RESIZABLE_REFUSED: &str = "A resizable ArrayBuffer cannot be passed to an asynchronous operation, because it could \
    shrink meanwhile. Pass a copy of fixed length, for example `new Uint8Array(buffer).slice()`";

/// Adds the check to an op that may retain memory. `name` is the name of Deno's op, which `op` may replace.
pub(crate) fn checked(name: &str, op: OpDecl) -> OpDecl {
    match callback_of(name, op.is_async) {
        Some(callback) => entry::with_entry(op, callback),
        None => op,
    }
}

fn callback_of(name: &str, is_async: bool) -> Option<Callback> {
    if COPIED.contains(&name) {
        Some(with_copies)
    } else if is_async || READ.contains(&name) {
        Some(with_check)
    } else {
        None
    }
}

/// Calls an op, with the check of this module, after another check has passed.
///
/// # Safety
///
/// `info` must be the one that V8 passes to the callback of `op`, and the call must still be running.
pub(crate) unsafe fn call_checked(info: *const v8::FunctionCallbackInfo, op: &OpDecl) {
    // SAFETY: the caller guarantees that `info` belongs to a running call of `op`, as both branches require.
    unsafe {
        match callback_of(op.name, op.is_async) {
            Some(callback) => callback(info),
            None => call(info, op),
        }
    }
}

unsafe extern "C" fn with_check(info: *const v8::FunctionCallbackInfo) {
    // SAFETY: `checked` installs this callback for ops only, so `info` belongs to a running call of an op.
    unsafe { dispatch(info, false) }
}

unsafe extern "C" fn with_copies(info: *const v8::FunctionCallbackInfo) {
    // SAFETY: as in `with_check`.
    unsafe { dispatch(info, true) }
}

/// Calls the op without the check: `dispatch` has copied the arguments.
unsafe extern "C" fn unchecked(info: *const v8::FunctionCallbackInfo) {
    // SAFETY: V8 passes a valid `info`. `dispatch` builds this function with the data of the op that it dispatches.
    unsafe {
        let args = v8::FunctionCallbackArguments::from_function_callback_info(&*info);
        call(info, declaration(args.data()));
    }
}

/// # Safety
///
/// `info` must be the one that V8 passes to the callback of an op, and the call must still be running.
unsafe fn dispatch(info: *const v8::FunctionCallbackInfo, always_copies: bool) {
    // SAFETY: the caller guarantees that `info` is valid and that its data is an op's.
    let (this, op) = unsafe {
        let this = &*info;
        let data = v8::FunctionCallbackArguments::from_function_callback_info(this).data();
        (this, declaration(data))
    };
    let args = v8::FunctionCallbackArguments::from_function_callback_info(this);
    let is_read = always_copies || READ.contains(&op.name);
    let needs_copy = |value: v8::Local<v8::Value>| match kind_of(value) {
        BufferKind::None => false,
        BufferKind::Resizable => true,
        BufferKind::Shared => is_read,
        BufferKind::Fixed => always_copies,
    };
    if !(0..args.length()).any(|at| needs_copy(args.get(at))) {
        // SAFETY: `info` belongs to a running call (guaranteed by the caller) of `op` (read from its data).
        return unsafe { call(info, op) };
    }
    // SAFETY: V8 passes `this` to a running callback, whose isolate and context are entered.
    v8::callback_scope!(unsafe scope, this);
    if !is_read {
        return throw(scope, v8::Exception::type_error, RESIZABLE_REFUSED);
    }
    let mut values = Vec::with_capacity(usize::try_from(args.length()).unwrap_or_default());
    for at in 0..args.length() {
        let value = args.get(at);
        match needs_copy(value).then(|| copy(scope, value)) {
            None => values.push(value),
            Some(Some(copy)) => values.push(copy),
            Some(None) => {
                return throw_out_of_memory(scope);
            }
        }
    }
    let own = v8::Function::builder_raw(unchecked).data(args.data()).build(scope);
    // `None` means that an exception is pending. V8 throws it when this callback returns.
    if let Some(result) = own.and_then(|own| own.call(scope, args.this().into(), &values)) {
        v8::ReturnValue::from_function_callback_info(this).set(result);
    }
}

#[derive(Clone, Copy)]
pub(crate) enum BufferKind {
    None,
    Fixed,
    Shared,
    Resizable,
}

impl BufferKind {
    /// Returns true if the memory can be unmapped or written while native code reads it.
    pub(crate) fn may_change(self) -> bool {
        matches!(self, Self::Resizable | Self::Shared)
    }
}

pub(crate) fn kind_of(value: v8::Local<v8::Value>) -> BufferKind {
    let store = if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        // A view without a buffer stores its elements on V8's heap, with a fixed length.
        if view.has_buffer() { view.get_backing_store() } else { return BufferKind::Fixed }
    } else if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(value) {
        Some(buffer.get_backing_store())
    } else {
        None
    };
    match store {
        None => BufferKind::None,
        Some(store) if store.is_shared() => BufferKind::Shared,
        Some(store) if store.is_resizable_by_user_javascript() => BufferKind::Resizable,
        Some(_) => BufferKind::Fixed,
    }
}

/// Returns a copy of fixed length, or `None` if its allocation fails.
pub(crate) fn copy<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Value>> {
    let view = if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        view
    } else {
        let buffer = v8::Local::<v8::ArrayBuffer>::try_from(value).ok()?;
        v8::Uint8Array::new(scope, buffer, 0, buffer.byte_length())?.into()
    };
    let length = view.byte_length();
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).ok()?;
    bytes.resize(length, 0);
    view.copy_contents(&mut bytes);
    let buffer = if bytes.is_empty() {
        v8::ArrayBuffer::new(scope, 0)
    } else {
        let store = v8::ArrayBuffer::new_backing_store_from_vec(bytes).make_shared();
        v8::ArrayBuffer::with_backing_store(scope, &store)
    };
    if value.is_array_buffer() {
        return Some(buffer.into());
    }
    Some(v8::Uint8Array::new(scope, buffer, 0, length)?.into())
}

/// Replaces the buffers among `arguments` that need a copy. Throws and returns false if an allocation fails.
pub(crate) fn copy_buffers<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &mut [v8::Local<'s, v8::Value>],
    needs_copy: impl Fn(BufferKind) -> bool,
) -> bool {
    for argument in arguments {
        let kind = kind_of(*argument);
        if matches!(kind, BufferKind::None) || !needs_copy(kind) {
            continue;
        }
        let Some(copy) = copy(scope, *argument) else {
            throw_out_of_memory(scope);
            return false;
        };
        *argument = copy;
    }
    true
}

pub(crate) fn throw_out_of_memory(scope: &mut v8::PinScope<'_, '_>) {
    throw(scope, v8::Exception::range_error, "Array buffer allocation failed");
}

fn throw<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    kind: fn(&v8::PinScope<'s, '_>, v8::Local<'s, v8::String>) -> v8::Local<'s, v8::Value>,
    message: &str,
) {
    if let Some(message) = v8::String::new(scope, message) {
        let error = kind(scope, message);
        scope.throw_exception(error);
    }
}

#[cfg(test)]
mod tests {
    use deno_runtime::deno_core::op2;

    use super::super::entry::tests::callback;
    use super::*;

    #[op2]
    async fn op_test_waits() {
        std::future::ready(()).await;
    }

    #[op2(fast)]
    fn op_test_returns() {}

    #[test]
    fn asynchronous_and_listed_ops_are_checked() {
        let check = with_check as Callback as usize;
        let copies = with_copies as Callback as usize;
        let returns = op_test_returns();
        assert_eq!(callback(&checked("op_x", op_test_waits())), check);
        assert_eq!(callback(&checked(READ[0], returns)), check);
        assert_eq!(callback(&checked(COPIED[0], op_test_waits())), copies);
        assert_eq!(callback(&checked("op_x", returns)), callback(&returns));
    }
}
