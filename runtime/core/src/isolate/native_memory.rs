//! Memory that native methods read after they have called JavaScript: they read a copy.
//!
//! A method has the memory of a buffer of fixed length for as long as it runs. That of a resizable one can be taken
//! back meanwhile. And a method that asks for the length first, and for the memory only after JavaScript was called,
//! takes what is not there.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use deno_runtime::deno_core::v8;

use super::native_methods::{Call, prototype, replace};
use super::op_buffers::{Memory, copied};

/// Methods that call functions of the script while they read.
pub(super) const WITH_CALLBACKS: [(&str, &str); 1] = [("DatabaseSync", "applyChangeset")];

/// Methods that look for the memory after a getter may have run.
pub(super) const WITH_GETTERS: [(&str, &str); 1] = [("DatabaseSync", "deserialize")];

pub(super) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    for (class, name) in WITH_CALLBACKS {
        let class = prototype(scope, ops, class)?;
        replace(scope, class, name, &[], v8::Function::builder(read_while_called))?;
    }
    for (class, name) in WITH_GETTERS {
        let class = prototype(scope, ops, class)?;
        replace(scope, class, name, &[], v8::Function::builder(read_late))?;
    }
    Some(())
}

fn read_while_called<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    read(scope, arguments, answer, Memory::may_change);
}

fn read_late<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    read(scope, arguments, answer, |_| true);
}

fn read<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
    needs_copy: impl Fn(Memory) -> bool,
) {
    let Some(mut call) = Call::of(&arguments) else { return };
    if copied(scope, &mut call.arguments, needs_copy) {
        call.pass_on(scope, answer);
    }
}
