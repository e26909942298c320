//! Buffers that the native handles of `node:net` and `node:tls` use after a method has returned: the read buffer, and
//! the data of writes.
//!
//! Deno's handles store addresses and rely on the script to keep the memory alive. A script could free it with
//! `transfer()`. Replaced methods retain the memory for the lifetime of the handle or of the write request.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use std::cell::RefCell;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::cppgc::make_cppgc_object;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;
use deno_runtime::deno_core::v8::cppgc::{GarbageCollected, Visitor};

use crate::isolate::sandbox::native::methods::{Call, private_symbol, prototype, replace};
use crate::isolate::sandbox::ops::buffers::{BufferKind, copy, kind_of, throw_out_of_memory};

/// On a handle or a request, the memory retained for it.
const RETAINED: &str = "js-runtime.retained";

/// On a handle, the handles that it was attached to.
const ATTACHED: &str = "js-runtime.attached";

/// In bytes. [`RetainedMemory`] retains memory from this size. A second `ArrayBuffer` retains less, because V8 frees that
/// with its young generation.
const LARGE: usize = 64 * 1024;

/// Keeps backing stores alive. V8 would count a second `ArrayBuffer` over the same memory again, and end the script too
/// early.
pub(super) struct RetainedMemory(RefCell<Vec<v8::SharedRef<v8::BackingStore>>>);

impl RetainedMemory {
    pub(super) fn new(stores: Vec<v8::SharedRef<v8::BackingStore>>) -> Self {
        Self(RefCell::new(stores))
    }

    pub(super) fn replace(&self, stores: Vec<v8::SharedRef<v8::BackingStore>>) {
        self.0.replace(stores);
    }
}

// SAFETY: the fields contain no reference to an object on a garbage-collected heap, so `trace` has nothing to visit.
// `SharedRef` is an owning reference to native memory.
unsafe impl GarbageCollected for RetainedMemory {
    fn trace(&self, _: &mut Visitor) {}

    fn get_name(&self) -> &'static std::ffi::CStr {
        c"RetainedMemory"
    }
}

pub(crate) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    for class in ["LibUvStreamWrap", "TLSWrap"] {
        let class = prototype(scope, ops, class)?;
        replace(scope, class, "useUserBuffer", &[], v8::Function::builder(use_buffer))?;
        replace(scope, class, "writeBuffer", &[], v8::Function::builder(write_buffer))?;
        replace(scope, class, "writev", &[], v8::Function::builder(write_buffers))?;
    }
    let class = prototype(scope, ops, "TLSWrap")?;
    for name in ["attach", "attachPipe"] {
        replace(scope, class, name, &[], v8::Function::builder(attach))?;
    }
    Some(())
}

/// Retains the memory of a view for `owner`. The memory must be of fixed length and not shared.
fn retain_view<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    owner: v8::Local<'s, v8::Object>,
    view: v8::Local<'s, v8::ArrayBufferView>,
) -> Option<()> {
    if view.byte_length() == 0 {
        return Some(());
    }
    let store = view.buffer(scope)?.get_backing_store();
    // No script reaches this object, so none can transfer its memory.
    let retained: v8::Local<v8::Value> = if store.byte_length() < LARGE {
        v8::ArrayBuffer::with_backing_store(scope, &store).into()
    } else {
        make_cppgc_object(scope, RetainedMemory::new(vec![store])).into()
    };
    let symbol = private_symbol(scope, RETAINED)?;
    let before = owner.get_private(scope, symbol)?;
    let all = v8::Array::new_with_elements(scope, &[retained, before]);
    owner.set_private(scope, symbol, all.into()).map(drop)
}

/// Retains the memory of a value, or of a copy if the memory is resizable or shared. Returns the value to pass to the
/// handle, or `None` if an allocation fails.
fn retain<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    owner: v8::Local<'s, v8::Object>,
    value: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Value>> {
    let value = match kind_of(value) {
        BufferKind::None | BufferKind::Fixed => value,
        BufferKind::Resizable | BufferKind::Shared => copy(scope, value)?,
    };
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        retain_view(scope, owner, view)?;
    }
    Some(value)
}

fn use_buffer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let buffer = arguments.get(0);
    if matches!(kind_of(buffer), BufferKind::Resizable | BufferKind::Shared) {
        let message = "the read buffer of a socket cannot be resizable or shared memory";
        return throw_js_error_class(scope, &JsErrorBox::type_error(message));
    }
    if retain(scope, call.this, buffer).is_some() {
        call.forward(scope, rv);
    }
}

fn write_buffer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::new(&arguments) else { return };
    if let Ok(request) = v8::Local::<v8::Object>::try_from(arguments.get(0))
        && let Some(data) = call.arguments.get(1).copied()
    {
        let Some(data) = retain(scope, request, data) else { return throw_out_of_memory(scope) };
        call.arguments[1] = data;
    }
    call.forward(scope, rv);
}

fn write_buffers<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::new(&arguments) else { return };
    if let Ok(request) = v8::Local::<v8::Object>::try_from(arguments.get(0))
        && let Ok(chunks) = v8::Local::<v8::Array>::try_from(arguments.get(1))
    {
        // Reads each element once, and all before any is retained: a getter may run.
        let mut values = Vec::new();
        for at in 0..chunks.length() {
            let Some(value) = chunks.get_index(scope, at) else { return };
            values.push(value);
        }
        for value in &mut values {
            let Some(retained) = retain(scope, request, *value) else {
                return throw_out_of_memory(scope);
            };
            *value = retained;
        }
        call.arguments[1] = v8::Array::new_with_elements(scope, &values).into();
    }
    call.forward(scope, rv);
}

/// Retains the handle of the underlying socket, whose address the TLS handle stores.
fn attach<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let Some(symbol) = private_symbol(scope, ATTACHED) else { return };
    let Some(before) = call.this.get_private(scope, symbol) else { return };
    let all = v8::Array::new_with_elements(scope, &[arguments.get(0), before]);
    if call.this.set_private(scope, symbol, all.into()).is_some() {
        call.forward(scope, rv);
    }
}
