//! `cachedData` of `vm.Script` and `vm.compileFunction`, which never reaches V8.
//!
//! V8 runs the bytecode in a code cache without verifying it, so a script that alters a cache could read and
//! write memory outside the sandbox. Caches are dropped before Deno's ops run and reported as rejected, as
//! Node does for a cache of another V8 version. No other op accepts compiled code.

use std::cell::RefCell;
use std::rc::Rc;

use deno_runtime::deno_core::{OpState, op2, v8};

use super::originals::{Original, call};

/// Replaces `op_vm_create_script`.
#[op2(reentrant)]
#[allow(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "the signature of Deno's op"
)]
pub(crate) fn op_host_vm_create_script<'a>(
    scope: &mut v8::PinScope<'a, '_>,
    state: Rc<RefCell<OpState>>,
    source: v8::Local<'a, v8::Value>,
    filename: v8::Local<'a, v8::Value>,
    line: v8::Local<'a, v8::Value>,
    column: v8::Local<'a, v8::Value>,
    cached: v8::Local<'a, v8::Value>,
    produce: v8::Local<'a, v8::Value>,
    context: v8::Local<'a, v8::Value>,
    importer: v8::Local<'a, v8::Value>,
) -> Option<v8::Local<'a, v8::Value>> {
    let origin = [source, filename, line, column];
    let rest = [produce, context, importer];
    without_cache(scope, &state, Original::VmScript, origin, cached, &rest)
}

/// Replaces `op_vm_compile_function`.
#[op2(reentrant)]
#[allow(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "the signature of Deno's op"
)]
pub(crate) fn op_host_vm_compile_function<'a>(
    scope: &mut v8::PinScope<'a, '_>,
    state: Rc<RefCell<OpState>>,
    source: v8::Local<'a, v8::Value>,
    filename: v8::Local<'a, v8::Value>,
    line: v8::Local<'a, v8::Value>,
    column: v8::Local<'a, v8::Value>,
    cached: v8::Local<'a, v8::Value>,
    produce: v8::Local<'a, v8::Value>,
    context: v8::Local<'a, v8::Value>,
    extensions: v8::Local<'a, v8::Value>,
    parameters: v8::Local<'a, v8::Value>,
    importer: v8::Local<'a, v8::Value>,
) -> Option<v8::Local<'a, v8::Value>> {
    let origin = [source, filename, line, column];
    let rest = [produce, context, extensions, parameters, importer];
    without_cache(scope, &state, Original::VmFunction, origin, cached, &rest)
}

/// Clamps a column. Deno's error message indents by the column, and treats a negative one as a very large one.
fn clamp_column<'a>(
    scope: &mut v8::PinScope<'a, '_>,
    column: v8::Local<'a, v8::Value>,
) -> v8::Local<'a, v8::Value> {
    const LAST: i32 = 1 << 16;
    match v8::Local::<v8::Int32>::try_from(column) {
        Ok(column) => v8::Integer::new(scope, column.value().clamp(0, LAST)).into(),
        Err(_) => column,
    }
}

/// Returns `None` if Deno's op throws.
fn without_cache<'a>(
    scope: &mut v8::PinScope<'a, '_>,
    state: &Rc<RefCell<OpState>>,
    compile: Original,
    origin: [v8::Local<'a, v8::Value>; 4],
    cached: v8::Local<'a, v8::Value>,
    rest: &[v8::Local<'a, v8::Value>],
) -> Option<v8::Local<'a, v8::Value>> {
    let no_cache = v8::undefined(scope).into();
    let [source, filename, line, column] = origin;
    let mut arguments = vec![source, filename, line, clamp_column(scope, column), no_cache];
    arguments.extend_from_slice(rest);
    let compiled = call(scope, state, compile, &arguments)?;
    if !cached.is_null_or_undefined()
        && let Ok(compiled) = v8::Local::<v8::Object>::try_from(compiled)
    {
        let key = v8::String::new(scope, "cachedDataRejected")?;
        let is_rejected = v8::Boolean::new(scope, true);
        compiled.create_data_property(scope, key.into(), is_rejected.into());
    }
    Some(compiled)
}
