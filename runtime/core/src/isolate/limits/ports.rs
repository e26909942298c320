//! Ports that are sent through ports, which are dropped one after the other.
//!
//! A message that nobody has received holds the ports that were sent with it, whose messages hold ports. Dropping the
//! first would drop them all, one inside the other, and take a stack as deep as the script likes. So what is sent is
//! wrapped before Deno's op takes it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{
    JsRuntime, OpDecl, OpState, Resource, ResourceId, TransferredResource, v8,
};

use crate::isolate::sandbox::native::methods::get;
use crate::isolate::sandbox::ops::entry::{call, declaration, with_entry};

/// Puts the wrapping before the op that sends ports through ports.
pub(crate) fn wrapped(name: &str, op: OpDecl) -> OpDecl {
    if name == "op_message_port_post_message" { with_entry(op, post) } else { op }
}

unsafe extern "C" fn post(info: *const v8::FunctionCallbackInfo) {
    // SAFETY: V8 calls this with a call of an op.
    unsafe {
        let this = &*info;
        let args = v8::FunctionCallbackArguments::from_function_callback_info(this);
        {
            v8::callback_scope!(unsafe scope, this);
            // Deno's op says what is wrong with a message that has no ports as they should be.
            let _ = wrap_ports(scope, args.get(0), args.get(1));
        }
        call(info, declaration(args.data()));
    }
}

/// Wraps the resources of a message. They are `{ data: [name, number] }`, or a list of numbers.
fn wrap_ports<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    receiver: v8::Local<'s, v8::Value>,
    message: v8::Local<'s, v8::Value>,
) -> Option<()> {
    let receiver = receiver.uint32_value(scope)?;
    let message = v8::Local::<v8::Object>::try_from(message).ok()?;
    let sent = get(scope, message, "transferables")?;
    let sent = v8::Local::<v8::Array>::try_from(sent).ok()?;
    let state = JsRuntime::op_state_from(scope);
    for at in 0..sent.length() {
        let one = v8::Local::<v8::Object>::try_from(sent.get_index(scope, at)?).ok()?;
        let data = get(scope, one, "data")?;
        let Ok(data) = v8::Local::<v8::Array>::try_from(data) else { continue };
        let numbers = data.get_index(scope, 1)?;
        let mut ports = Vec::new();
        if let Ok(list) = v8::Local::<v8::Array>::try_from(numbers) {
            for at in 0..list.length() {
                ports.push(list.get_index(scope, at)?);
            }
        } else {
            ports.push(numbers);
        }
        for port in ports {
            let Ok(port) = v8::Local::<v8::Uint32>::try_from(port) else { continue };
            // A port that is sent through itself is refused, and stays what it is.
            if port.value() != receiver {
                wrap(&mut state.borrow_mut(), port.value());
            }
        }
    }
    Some(())
}

fn wrap(state: &mut OpState, number: ResourceId) {
    let table = &mut state.resource_table;
    if let Ok(resource) = table.get_any(number) {
        table.replace(number, Sent(resource));
    }
}

/// A resource that is about to be sent.
struct Sent(Rc<dyn Resource>);

impl Resource for Sent {
    fn name(&self) -> Cow<'_, str> {
        self.0.name()
    }

    fn close(self: Rc<Self>) {
        self.0.clone().close();
    }

    fn transfer(self: Rc<Self>) -> Result<Box<dyn TransferredResource>, JsErrorBox> {
        let resource = Rc::try_unwrap(self).map_or_else(|shared| shared.0.clone(), |sent| sent.0);
        Ok(Box::new(OnItsWay(Some(resource.transfer()?))))
    }
}

/// A resource in a message.
struct OnItsWay(Option<Box<dyn TransferredResource>>);

impl TransferredResource for OnItsWay {
    fn receive(mut self: Box<Self>) -> Rc<dyn Resource> {
        self.0.take().expect("it is received once").receive()
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        thread_local! {
            static DROPPED: RefCell<Vec<Box<dyn TransferredResource>>> = const { RefCell::new(Vec::new()) };
            static IS_AT_IT: RefCell<bool> = const { RefCell::new(false) };
        }
        let Some(resource) = self.0.take() else { return };
        // Without its list the thread is at its end: nothing is left then but to drop it here.
        let listed = DROPPED.try_with(|dropped| dropped.borrow_mut().push(resource));
        if listed.is_err() || IS_AT_IT.replace(true) {
            return;
        }
        while let Some(next) = DROPPED.with_borrow_mut(Vec::pop) {
            drop(next);
        }
        IS_AT_IT.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds the one before, as the messages of a port do.
    struct Holds(#[allow(dead_code, reason = "it is dropped")] Option<OnItsWay>);

    impl TransferredResource for Holds {
        fn receive(self: Box<Self>) -> Rc<dyn Resource> {
            unreachable!("it is only dropped")
        }
    }

    #[test]
    fn ports_in_ports_are_dropped_one_after_the_other() {
        let mut last = None;
        for _ in 0..1_000_000 {
            last = Some(OnItsWay(Some(Box::new(Holds(last)))));
        }
        drop(last);
    }
}
