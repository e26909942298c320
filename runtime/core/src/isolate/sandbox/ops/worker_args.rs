//! The arguments of a new worker.
//!
//! A thread with a smaller stack than V8 assumes would end the application, and a very large stack cannot be allocated.
//! So the limits are read once, clamped, and passed on in an object that the script cannot access.

use std::cell::RefCell;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, op2, v8};

use crate::isolate::sandbox::files::fd_guard::FdGuard;
use crate::isolate::sandbox::objects::{empty, own, set};
use crate::isolate::sandbox::ops::originals::{Original, call};

/// Descriptors of a worker's event loop.
const DESCRIPTORS: usize = 8;

const SMALLEST_STACK_MB: i32 = 4;
const LARGEST_STACK_MB: i32 = 64;

const NAMES: [&str; 7] = [
    "hasSourceCode",
    "name",
    "permissions",
    "sourceCode",
    "specifier",
    "workerType",
    "closeOnIdle",
];
const LIMITS: &str = "resourceLimits";
const LIMIT_NAMES: [&str; 3] =
    ["maxYoungGenerationSizeMb", "maxOldGenerationSizeMb", "codeRangeSizeMb"];
const STACK: &str = "stackSizeMb";

#[op2(reentrant)]
#[allow(clippy::needless_pass_by_value, reason = "an op gets these by value")]
pub(crate) fn op_host_create_worker<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: Rc<RefCell<OpState>>,
    given: v8::Local<'s, v8::Object>,
    metadata: v8::Local<'s, v8::Value>,
) -> Result<v8::Local<'s, v8::Value>, JsErrorBox> {
    FdGuard::ensure_room(&state.borrow(), DESCRIPTORS).map_err(JsErrorBox::from_err)?;
    let answer = checked(scope, given)
        .and_then(|given| call(scope, &state, Original::Worker, &[given.into(), metadata]));
    // `None` means that an exception is pending.
    Ok(answer.unwrap_or_else(|| v8::undefined(scope).into()))
}

fn checked<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    given: v8::Local<'s, v8::Object>,
) -> Option<v8::Local<'s, v8::Object>> {
    let checked = empty(scope);
    for name in NAMES {
        let value = own(scope, given, name)?;
        set(scope, checked, name, value)?;
    }
    let limits = own(scope, given, LIMITS)?;
    if let Ok(limits) = v8::Local::<v8::Object>::try_from(limits) {
        let bounded = bounded(scope, limits)?;
        set(scope, checked, LIMITS, bounded.into())?;
    }
    Some(checked)
}

fn bounded<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    limits: v8::Local<'s, v8::Object>,
) -> Option<v8::Local<'s, v8::Object>> {
    let bounded = empty(scope);
    for name in LIMIT_NAMES {
        let value = own(scope, limits, name)?;
        if let Some(mb) = value.number_value(scope).filter(|mb| *mb >= 1.0) {
            let mb = v8::Number::new(scope, mb.trunc().min(f64::from(i32::MAX)));
            set(scope, bounded, name, mb.into())?;
        }
    }
    let stack = own(scope, limits, STACK)?.int32_value(scope)?;
    let stack = v8::Integer::new(scope, stack.clamp(SMALLEST_STACK_MB, LARGEST_STACK_MB));
    set(scope, bounded, STACK, stack.into())?;
    Some(bounded)
}
