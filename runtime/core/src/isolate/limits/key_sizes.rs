//! Sizes that a script names to `crypto.subtle`: of keys, of bits that are derived, of digests, and of the memory that
//! Argon2 works with.
//!
//! Web Cryptography makes them natively: memory that nothing refuses, and calls that nothing interrupts. So functions
//! of Rust take the place of the methods (`native_methods`). A size is read once: an object could be one number for the
//! check and another one for the call.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{cppgc, v8};

use crate::isolate::limits::native_sizes;
use crate::isolate::sandbox::native::methods::{Call, private_symbol, prototype, replace_public};

/// As OpenSSL has it for RSA.
const MOST_BITS: f64 = 16384.0;

/// Members of an algorithm that are sizes, and the bytes in one unit.
const MEMBERS: [(&str, f64); 3] =
    [("length", 1.0 / 8.0), ("outputLength", 1.0 / 8.0), ("memory", 1024.0)];
const MODULUS: &str = "modulusLength";

/// Where a promise has what counts the memory of its work.
const TAKEN: &str = "js-runtime.taken";

pub(crate) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    let class = prototype(scope, ops, "SubtleCrypto")?;
    for (name, length) in [("digest", 2), ("sign", 3), ("verify", 4), ("generateKey", 3)] {
        replace_public(scope, class, name, v8::Function::builder(by_algorithm).length(length))?;
    }
    replace_public(scope, class, "deriveBits", v8::Function::builder(derive_bits).length(2))?;
    replace_public(scope, class, "deriveKey", v8::Function::builder(derive_key).length(5))
}

fn by_algorithm<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    settle(scope, &arguments, answer, &[0], None);
}

fn derive_bits<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    settle(scope, &arguments, answer, &[0], Some(2));
}

fn derive_key<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    settle(scope, &arguments, answer, &[0, 2], None);
}

/// Answers with the promise of the method, or with one that is rejected. The arguments at `algorithms` are algorithms,
/// and the one at `bits` is a number of bits.
fn settle<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
    algorithms: &[usize],
    bits: Option<usize>,
) {
    let Some(mut call) = Call::new(arguments) else { return };
    v8::tc_scope!(scope, scope);
    let promise = checked(scope, &mut call, algorithms, bits);
    if let Some(promise) = promise {
        return answer.set(promise);
    }
    if scope.has_terminated() {
        return;
    }
    let Some(error) = scope.exception() else { return };
    scope.reset();
    if let Some(resolver) = v8::PromiseResolver::new(scope) {
        resolver.reject(scope, error);
        answer.set(resolver.get_promise(scope).into());
    }
}

/// `None` when an error was thrown.
fn checked<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    call: &mut Call<'s>,
    algorithms: &[usize],
    bits: Option<usize>,
) -> Option<v8::Local<'s, v8::Value>> {
    let mut bytes = 0.0;
    for place in algorithms {
        if let Some(argument) = call.arguments.get_mut(*place)
            && let Ok(algorithm) = v8::Local::<v8::Object>::try_from(*argument)
        {
            *argument = read(scope, algorithm, &mut bytes)?.into();
        }
    }
    if let Some(argument) = bits.and_then(|place| call.arguments.get_mut(place))
        && !argument.is_null_or_undefined()
    {
        let number = argument.to_number(scope)?;
        bytes += number.value() / 8.0;
        *argument = number.into();
    }
    let taken = match native_sizes::take(scope, bytes) {
        Ok(taken) => taken,
        Err(error) => {
            throw_js_error_class(scope, &error);
            return None;
        }
    };
    let promise = call.call_method(scope, 0, &call.arguments)?;
    if let Some(taken) = taken
        && let Ok(promise) = v8::Local::<v8::Object>::try_from(promise)
    {
        let taken = cppgc::make_cppgc_object(scope, taken);
        let symbol = private_symbol(scope, TAKEN)?;
        promise.set_private(scope, symbol, taken.into())?;
    }
    Some(promise)
}

/// An object that has the sizes as numbers, and inherits all other members.
fn read<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    algorithm: v8::Local<'s, v8::Object>,
    bytes: &mut f64,
) -> Option<v8::Local<'s, v8::Object>> {
    let (mut names, mut values) = (Vec::<v8::Local<v8::Name>>::new(), Vec::new());
    for member in MEMBERS.iter().map(|(member, _)| *member).chain([MODULUS]) {
        let name = v8::String::new(scope, member)?;
        let value = algorithm.get(scope, name.into())?;
        if value.is_null_or_undefined() {
            continue;
        }
        let number = value.to_number(scope)?;
        if let Some((_, unit)) = MEMBERS.iter().find(|(name, _)| *name == member) {
            *bytes += number.value() * unit;
        } else if number.value() > MOST_BITS {
            let message = format!(
                "An RSA key of {} bits is too large; an embedded script may have {MOST_BITS} bits at the most",
                number.value()
            );
            throw_js_error_class(scope, &JsErrorBox::new("DOMExceptionOperationError", message));
            return None;
        }
        names.push(name.into());
        values.push(number.into());
    }
    Some(v8::Object::with_prototype_and_properties(scope, algorithm.into(), &names, &values))
}
