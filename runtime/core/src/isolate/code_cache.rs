//! `cachedData` of `vm.Script` and `vm.compileFunction`, which V8 never gets.
//!
//! V8 runs the bytecode in a code cache without verifying it, so a script that alters a cache can read and
//! write memory outside of the sandbox. Caches are therefore dropped before the engine's ops run, and
//! reported as rejected, as Node does with the cache of another V8. No other op takes compiled code.

use std::cell::RefCell;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{JsRuntime, OpDecl, OpState, op2, scope, v8};
use deno_runtime::deno_node::ops::vm;

type Function = v8::Global<v8::Function>;

/// Where scripts cannot reach them, the engine's own ops have the names of ops that only `deno desktop`
/// uses: a replacement cannot call the op that it replaces.
const FIND_OWN: &str = "(({ ops }) => [ops.op_desktop_prompt, ops.op_desktop_resolve_bind_call])(\
                        Deno[Deno.internal].core)";

/// The engine's ops that compile.
pub(super) struct Compilers {
    script: Function,
    function: Function,
}

/// Gives `carrier`, an op of the snapshot that nothing uses, the implementation of `op_vm_create_script`.
pub(super) fn script_compiler(carrier: OpDecl) -> OpDecl {
    carrier.with_implementation_from(&vm::op_vm_create_script())
}

/// The same for `op_vm_compile_function`.
pub(super) fn function_compiler(carrier: OpDecl) -> OpDecl {
    carrier.with_implementation_from(&vm::op_vm_compile_function())
}

/// Hands the engine's ops to the replacements, before `core.ops` is emptied.
pub(super) fn install(runtime: &mut JsRuntime) -> Result<(), String> {
    let found = runtime.execute_script("js-runtime:compilers", FIND_OWN);
    let found = found.map_err(|error| error.to_string())?;
    let compilers = {
        scope!(scope, runtime);
        let found = v8::Local::new(scope, found);
        let found = v8::Local::<v8::Array>::try_from(found).map_err(|error| error.to_string())?;
        let get = |index| {
            let function = found.get_index(scope, index)?;
            let function = v8::Local::<v8::Function>::try_from(function).ok()?;
            Some(v8::Global::new(scope, function))
        };
        let own = get(0).zip(get(1));
        let (script, function) = own.ok_or("the engine's ops of node:vm were not found")?;
        Compilers { script, function }
    };
    runtime.op_state().borrow_mut().put(compilers);
    Ok(())
}

/// Takes the place of `op_vm_create_script`.
#[op2(reentrant)]
#[allow(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "the signature of an op that calls others"
)]
pub(super) fn op_host_vm_create_script<'a>(
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
) -> Result<Option<v8::Local<'a, v8::Value>>, JsErrorBox> {
    let compile = compiler(&state, |compilers| &compilers.script)?;
    let place = [source, filename, line, column];
    Ok(without_cache(scope, &compile, place, cached, &[produce, context, importer]))
}

/// Takes the place of `op_vm_compile_function`.
#[op2(reentrant)]
#[allow(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "the signature of an op that calls others"
)]
pub(super) fn op_host_vm_compile_function<'a>(
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
) -> Result<Option<v8::Local<'a, v8::Value>>, JsErrorBox> {
    let compile = compiler(&state, |compilers| &compilers.function)?;
    let place = [source, filename, line, column];
    let rest = [produce, context, extensions, parameters, importer];
    Ok(without_cache(scope, &compile, place, cached, &rest))
}

fn compiler(
    state: &RefCell<OpState>,
    choose: impl FnOnce(&Compilers) -> &Function,
) -> Result<Function, JsErrorBox> {
    let state = state.borrow();
    let compilers = state.try_borrow::<Compilers>();
    let missing = || JsErrorBox::generic("node:vm is not available before the script has begun");
    compilers.map(|compilers| choose(compilers).clone()).ok_or_else(missing)
}

/// A column that the engine can point at in a message: it writes as many spaces, and takes a negative number for a
/// very large one.
fn bounded<'a>(
    scope: &mut v8::PinScope<'a, '_>,
    column: v8::Local<'a, v8::Value>,
) -> v8::Local<'a, v8::Value> {
    const LAST: i32 = 1 << 16;
    match v8::Local::<v8::Int32>::try_from(column) {
        Ok(column) => v8::Integer::new(scope, column.value().clamp(0, LAST)).into(),
        Err(_) => column,
    }
}

/// `None` when the engine's op has thrown.
fn without_cache<'a>(
    scope: &mut v8::PinScope<'a, '_>,
    compile: &Function,
    place: [v8::Local<'a, v8::Value>; 4],
    cached: v8::Local<'a, v8::Value>,
    rest: &[v8::Local<'a, v8::Value>],
) -> Option<v8::Local<'a, v8::Value>> {
    let nothing = v8::undefined(scope).into();
    let [source, filename, line, column] = place;
    let mut arguments = vec![source, filename, line, bounded(scope, column)];
    arguments.push(nothing);
    arguments.extend_from_slice(rest);
    let compile = v8::Local::new(scope, compile);
    let compiled = compile.call(scope, nothing, &arguments)?;
    if !cached.is_null_or_undefined()
        && let Ok(compiled) = v8::Local::<v8::Object>::try_from(compiled)
    {
        let key = v8::String::new(scope, "cachedDataRejected")?;
        let is_rejected = v8::Boolean::new(scope, true);
        compiled.create_data_property(scope, key.into(), is_rejected.into());
    }
    Some(compiled)
}
