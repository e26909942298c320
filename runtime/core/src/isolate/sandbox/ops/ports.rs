//! Drops nested message ports iteratively.
//!
//! An unreceived message owns the ports that were sent with it, and their messages own further ports. A recursive drop
//! of a long chain would overflow the native stack. So transferred resources are wrapped before Deno's op takes them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{
    JsRuntime, OpDecl, OpState, Resource, ResourceId, TransferredResource, v8,
};

use super::entry::{call, declaration, with_entry};
use crate::isolate::sandbox::native::methods::get;

/// Wraps the op that sends ports through ports; returns any other op unchanged.
pub(crate) fn wrapped(name: &str, op: OpDecl) -> OpDecl {
    if name == "op_message_port_post_message" { with_entry(op, post) } else { op }
}

unsafe extern "C" fn post(info: *const v8::FunctionCallbackInfo) {
    // SAFETY: V8 passes a valid call, on the thread that has entered its isolate. `info` outlives this function, and
    // the data of the call is the declaration that `with_entry` has set.
    unsafe {
        let this = &*info;
        let args = v8::FunctionCallbackArguments::from_function_callback_info(this);
        {
            // SAFETY: V8 passes `this` to a running callback, whose isolate and context are entered.
            v8::callback_scope!(unsafe scope, this);
            // Deno's op reports malformed messages.
            let _ = wrap_ports(scope, args.get(0), args.get(1));
        }
        call(info, declaration(args.data()));
    }
}

/// Wraps the resources of a message. Each is `{ data: [name, id] }`, where `id` may be a list.
fn wrap_ports<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    receiver: v8::Local<'s, v8::Value>,
    message: v8::Local<'s, v8::Value>,
) -> Option<()> {
    let receiver = receiver.uint32_value(scope)?;
    let message = v8::Local::<v8::Object>::try_from(message).ok()?;
    let transferables = get(scope, message, "transferables")?;
    let transferables = v8::Local::<v8::Array>::try_from(transferables).ok()?;
    let state = JsRuntime::op_state_from(scope);
    for index in 0..transferables.length() {
        let item = transferables.get_index(scope, index)?;
        let item = v8::Local::<v8::Object>::try_from(item).ok()?;
        let data = get(scope, item, "data")?;
        let Ok(data) = v8::Local::<v8::Array>::try_from(data) else { continue };
        let ids = data.get_index(scope, 1)?;
        let mut ports = Vec::new();
        if let Ok(list) = v8::Local::<v8::Array>::try_from(ids) {
            for index in 0..list.length() {
                ports.push(list.get_index(scope, index)?);
            }
        } else {
            ports.push(ids);
        }
        for port in ports {
            let Ok(port) = v8::Local::<v8::Uint32>::try_from(port) else { continue };
            // Deno refuses a port that is sent through itself; it stays in the resource table.
            if port.value() != receiver {
                wrap(&mut state.borrow_mut(), port.value());
            }
        }
    }
    Some(())
}

fn wrap(state: &mut OpState, id: ResourceId) {
    let table = &mut state.resource_table;
    if let Ok(resource) = table.get_any(id) {
        table.replace(id, Sendable(resource));
    }
}

/// A resource that is about to be sent.
struct Sendable(Rc<dyn Resource>);

impl Resource for Sendable {
    fn name(&self) -> Cow<'_, str> {
        self.0.name()
    }

    fn close(self: Rc<Self>) {
        self.0.clone().close();
    }

    fn transfer(self: Rc<Self>) -> Result<Box<dyn TransferredResource>, JsErrorBox> {
        let resource = Rc::try_unwrap(self).map_or_else(|shared| shared.0.clone(), |own| own.0);
        Ok(Box::new(InTransit(Some(resource.transfer()?))))
    }
}

/// A resource in a message.
struct InTransit(Option<Box<dyn TransferredResource>>);

impl TransferredResource for InTransit {
    fn receive(mut self: Box<Self>) -> Rc<dyn Resource> {
        self.0.take().expect("a resource is received once").receive()
    }
}

impl Drop for InTransit {
    fn drop(&mut self) {
        thread_local! {
            static QUEUE: RefCell<Vec<Box<dyn TransferredResource>>> = const { RefCell::new(Vec::new()) };
            static IS_DRAINING: RefCell<bool> = const { RefCell::new(false) };
        }
        let Some(resource) = self.0.take() else { return };
        // Fails while the thread's locals are destroyed; then the resource is dropped here.
        let queued = QUEUE.try_with(|queue| queue.borrow_mut().push(resource));
        if queued.is_err() || IS_DRAINING.replace(true) {
            return;
        }
        while let Some(next) = QUEUE.with_borrow_mut(Vec::pop) {
            drop(next);
        }
        IS_DRAINING.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Owns the previous port, as the messages of a port do.
    struct Nested(#[allow(dead_code, reason = "owned only to be dropped")] Option<InTransit>);

    impl TransferredResource for Nested {
        fn receive(self: Box<Self>) -> Rc<dyn Resource> {
            unreachable!("the test only drops it")
        }
    }

    #[test]
    fn nested_ports_are_dropped_without_recursion() {
        let mut last = None;
        for _ in 0..1_000_000 {
            last = Some(InTransit(Some(Box::new(Nested(last)))));
        }
        drop(last);
    }
}
