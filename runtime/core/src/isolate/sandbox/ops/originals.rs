//! Deno's ops that a replacement calls after its own checks, out of the reach of scripts.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use deno_runtime::deno_core::{Extension, OpDecl, OpState, v8};
use deno_runtime::deno_node::ops::vm;
use deno_runtime::deno_process::deno_process;
use deno_runtime::ops::worker_host::deno_worker_host;

/// The functions, in the order of [`Original`].
pub(crate) struct Originals([v8::Global<v8::Function>; 6]);

/// An op of Deno.
#[derive(Clone, Copy)]
pub(crate) enum Original {
    Child,
    NodeChild,
    Sync,
    Worker,
    VmScript,
    VmFunction,
}

/// A name in the snapshot that only `deno desktop` uses, and the op that is registered under it instead.
type Carrier = (&'static str, fn() -> Option<OpDecl>);

/// In the order of [`Original`].
const CARRIERS: [Carrier; 6] = [
    ("op_desktop_confirm_update", || process_op("op_spawn_child")),
    ("op_desktop_reject_bind_call", || process_op("op_node_spawn_child")),
    ("op_desktop_alert", || process_op("op_spawn_sync")),
    ("op_desktop_verify_ed25519", worker_op),
    ("op_desktop_prompt", || Some(vm::op_vm_create_script())),
    ("op_desktop_resolve_bind_call", || Some(vm::op_vm_compile_function())),
];

/// The op to register under the name of a carrier.
pub(crate) fn carried(name: &str) -> Option<OpDecl> {
    let (_, original) = CARRIERS.iter().find(|(carrier, _)| *carrier == name)?;
    original()
}

fn process_op(name: &str) -> Option<OpDecl> {
    find(&deno_process::init(None), name)
}

fn worker_op() -> Option<OpDecl> {
    let no_worker = Arc::new(|_| unreachable!("only the op of this extension is used"));
    find(&deno_worker_host::init(no_worker, None), "op_create_worker")
}

fn find(extension: &Extension, name: &str) -> Option<OpDecl> {
    extension.ops.iter().find(|op| op.name == name).copied()
}

impl Originals {
    /// Removes the carriers from `ops` and `script_ops`, and keeps the functions.
    pub(crate) fn take(
        scope: &mut v8::PinScope<'_, '_>,
        ops: v8::Local<'_, v8::Object>,
        script_ops: v8::Local<'_, v8::Object>,
    ) -> Option<Self> {
        let mut taken = Vec::new();
        for (carrier, _) in CARRIERS {
            let name = v8::String::new(scope, carrier)?;
            let function = ops.get(scope, name.into())?;
            let function = v8::Local::<v8::Function>::try_from(function).ok()?;
            taken.push(v8::Global::new(scope, function));
            for ops in [ops, script_ops] {
                ops.delete(scope, name.into()).filter(|deleted| *deleted)?;
            }
        }
        Some(Self(taken.try_into().ok()?))
    }
}

/// Calls an op of Deno. Returns `None` if it throws.
pub(crate) fn call<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &Rc<RefCell<OpState>>,
    original: Original,
    arguments: &[v8::Local<'s, v8::Value>],
) -> Option<v8::Local<'s, v8::Value>> {
    let function = state.borrow().borrow::<Originals>().0[original as usize].clone();
    let this = v8::undefined(scope).into();
    v8::Local::new(scope, function).call(scope, this, arguments)
}
