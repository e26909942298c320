//! Memory of a script that the native handles of `node:net` and `node:tls` use after a call of theirs has returned: the
//! buffer that is read into, and what is written.
//!
//! The handles keep addresses, and rely on the script to keep the memory. It could be given away meanwhile
//! (`transfer()`), and be somebody else's. So functions of Rust take the place of the methods: what a handle has an
//! address of stays as long as the handle, or the request to write.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use std::cell::RefCell;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::cppgc::make_cppgc_object;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;
use deno_runtime::deno_core::v8::cppgc::{GarbageCollected, Visitor};

use crate::isolate::sandbox::native::methods::{Call, mark, prototype, replace};
use crate::isolate::sandbox::ops::buffers::{Memory, copy, memory_of, no_memory};

/// Where a handle or a request has the memory that is kept for it.
const KEPT: &str = "js-runtime.kept";

/// Where a handle has the handles that it was attached to.
const ATTACHED: &str = "js-runtime.attached";

/// Memory of this many bytes or more is held by [`HeldMemory`]. That of less is held by a further buffer, which V8 frees
/// with its young generation.
const LARGE: usize = 64 * 1024;

/// Memory that is not freed while this lives. It is native: V8 would count a further buffer of the same memory as much
/// more memory, and end the script too early.
pub(super) struct HeldMemory(RefCell<Vec<v8::SharedRef<v8::BackingStore>>>);

impl HeldMemory {
    pub(super) fn new(stores: Vec<v8::SharedRef<v8::BackingStore>>) -> Self {
        Self(RefCell::new(stores))
    }

    pub(super) fn replace(&self, stores: Vec<v8::SharedRef<v8::BackingStore>>) {
        self.0.replace(stores);
    }
}

// SAFETY: a backing store is no object of V8's heap, so there is nothing to trace.
unsafe impl GarbageCollected for HeldMemory {
    fn trace(&self, _: &mut Visitor) {}

    fn get_name(&self) -> &'static std::ffi::CStr {
        c"HeldMemory"
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
        replace(scope, class, "writev", &[], v8::Function::builder(write_many))?;
    }
    let class = prototype(scope, ops, "TLSWrap")?;
    for name in ["attach", "attachPipe"] {
        replace(scope, class, name, &[], v8::Function::builder(attach))?;
    }
    Some(())
}

/// Keeps the memory of a view for `owner`. Memory that may change its size, or that others share, must not come here.
fn keep<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    owner: v8::Local<'s, v8::Object>,
    view: v8::Local<'s, v8::ArrayBufferView>,
) -> Option<()> {
    if view.byte_length() == 0 {
        return Some(());
    }
    let store = view.buffer(scope)?.get_backing_store();
    // No script has this object, so none gives the memory away.
    let kept: v8::Local<v8::Value> = if store.byte_length() < LARGE {
        v8::ArrayBuffer::with_backing_store(scope, &store).into()
    } else {
        make_cppgc_object(scope, HeldMemory::new(vec![store])).into()
    };
    let mark = mark(scope, KEPT)?;
    let before = owner.get_private(scope, mark)?;
    let all = v8::Array::new_with_elements(scope, &[kept, before]);
    owner.set_private(scope, mark, all.into()).map(drop)
}

/// What a handle may have the address of: the value, a copy of memory that could change its size, or nothing.
fn kept<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    owner: v8::Local<'s, v8::Object>,
    value: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Value>> {
    let value = match memory_of(value) {
        Memory::None | Memory::Fixed => value,
        Memory::Resizable | Memory::Shared => copy(scope, value)?,
    };
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        keep(scope, owner, view)?;
    }
    Some(value)
}

fn use_buffer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    let buffer = arguments.get(0);
    if matches!(memory_of(buffer), Memory::Resizable | Memory::Shared) {
        let message = "what a socket reads into cannot be resizable or shared memory";
        return throw_js_error_class(scope, &JsErrorBox::type_error(message));
    }
    if kept(scope, call.this, buffer).is_some() {
        call.pass_on(scope, answer);
    }
}

fn write_buffer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::of(&arguments) else { return };
    if let Ok(request) = v8::Local::<v8::Object>::try_from(arguments.get(0))
        && let Some(data) = call.arguments.get(1).copied()
    {
        let Some(data) = kept(scope, request, data) else { return no_memory(scope) };
        call.arguments[1] = data;
    }
    call.pass_on(scope, answer);
}

fn write_many<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::of(&arguments) else { return };
    if let Ok(request) = v8::Local::<v8::Object>::try_from(arguments.get(0))
        && let Ok(chunks) = v8::Local::<v8::Array>::try_from(arguments.get(1))
    {
        // Each is looked up once, and all before any is kept: a getter may run here.
        let mut values = Vec::new();
        for at in 0..chunks.length() {
            let Some(value) = chunks.get_index(scope, at) else { return };
            values.push(value);
        }
        for value in &mut values {
            let Some(own) = kept(scope, request, *value) else { return no_memory(scope) };
            *value = own;
        }
        call.arguments[1] = v8::Array::new_with_elements(scope, &values).into();
    }
    call.pass_on(scope, answer);
}

/// Keeps the handle of the socket that is encrypted, whose address the one that encrypts has.
fn attach<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    let Some(mark) = mark(scope, ATTACHED) else { return };
    let Some(before) = call.this.get_private(scope, mark) else { return };
    let all = v8::Array::new_with_elements(scope, &[arguments.get(0), before]);
    if call.this.set_private(scope, mark, all.into()).is_some() {
        call.pass_on(scope, answer);
    }
}
