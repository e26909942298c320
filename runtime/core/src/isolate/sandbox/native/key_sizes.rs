//! Limits sizes that a script passes to `crypto.subtle`: of keys, derived bits, digests, and of Argon2's memory.
//!
//! Web Cryptography allocates these natively, without a limit, in calls that cannot be interrupted. So Rust functions
//! replace its methods and check the sizes. Each size is read once: a getter could return another number to the method
//! than to the check.

#![allow(clippy::needless_pass_by_value, reason = "V8 requires this signature")]

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{cppgc, v8};

use super::methods::{Call, private_symbol, prototype, replace_public};
use crate::isolate::limits::native_sizes;

/// OpenSSL's limit for RSA keys.
const MAX_RSA_BITS: f64 = 16384.0;

/// The members of an algorithm that are sizes, with the bytes per unit.
const MEMBERS: [(&str, f64); 3] =
    [("length", 1.0 / 8.0), ("outputLength", 1.0 / 8.0), ("memory", 1024.0)];
const MODULUS: &str = "modulusLength";

/// The private property of a promise that holds the reservation of its memory.
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
    checked_call(scope, &arguments, answer, &[0], None);
}

fn derive_bits<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    checked_call(scope, &arguments, answer, &[0], Some(2));
}

fn derive_key<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    checked_call(scope, &arguments, answer, &[0, 2], None);
}

/// Returns the method's promise, or a rejected one if a size is refused. `algorithms` and `bits` are the positions of
/// arguments that are algorithms, and of one that is a number of bits.
fn checked_call<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
    algorithms: &[usize],
    bits: Option<usize>,
) {
    let Some(mut call) = Call::new(arguments) else { return };
    v8::tc_scope!(scope, scope);
    let promise = check_and_call(scope, &mut call, algorithms, bits);
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

/// `None` if an exception is pending.
fn check_and_call<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    call: &mut Call<'s>,
    algorithms: &[usize],
    bits: Option<usize>,
) -> Option<v8::Local<'s, v8::Value>> {
    let mut bytes = 0.0;
    for position in algorithms {
        if let Some(argument) = call.arguments.get_mut(*position)
            && let Ok(algorithm) = v8::Local::<v8::Object>::try_from(*argument)
        {
            *argument = read_sizes(scope, algorithm, &mut bytes)?.into();
        }
    }
    if let Some(argument) = bits.and_then(|position| call.arguments.get_mut(position))
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

/// Adds the sizes of an algorithm to `bytes`. Returns an object with these sizes as numbers that inherits all other
/// members.
fn read_sizes<'s>(
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
        } else if number.value() > MAX_RSA_BITS {
            let message = format!(
                "An RSA key of {} bits is too large; the maximum for an embedded script is {MAX_RSA_BITS} bits",
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
