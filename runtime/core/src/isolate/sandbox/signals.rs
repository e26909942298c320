//! Signals of an embedded script.
//!
//! Deno would install handlers for the whole application and take over its Ctrl-C. Here a listener
//! belongs to one process. Only the supervisor and the script itself send to it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{
    AsyncRefCell, CancelHandle, CancelTryFuture, OpState, RcRef, Resource, ResourceId, op2,
};
use tokio::sync::watch;

use crate::isolate::limits::control::Control;
#[cfg(not(unix))]
use crate::isolate::limits::signals::{SIGABRT, SIGTERM};

struct Listener {
    received: AsyncRefCell<watch::Receiver<()>>,
    unbound: CancelHandle,
}

impl Resource for Listener {
    fn name(&self) -> Cow<'_, str> {
        "signal".into()
    }

    fn close(self: Rc<Self>) {
        self.unbound.cancel();
    }
}

/// The number of a signal that a script may listen for or send.
pub(crate) fn number_of(name: &str) -> Result<i32, JsErrorBox> {
    parse(name).ok_or_else(|| JsErrorBox::type_error(format!("Invalid signal: {name}")))
}

#[cfg(unix)]
fn parse(name: &str) -> Option<i32> {
    name.parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as i32)
}

#[cfg(not(unix))]
fn parse(name: &str) -> Option<i32> {
    match name {
        "SIGHUP" => Some(1),
        "SIGINT" => Some(2),
        "SIGABRT" => Some(SIGABRT),
        "SIGTERM" => Some(SIGTERM),
        "SIGBREAK" => Some(21),
        _ => None,
    }
}

#[op2(fast)]
#[smi]
pub(crate) fn op_host_signal_bind(
    state: &mut OpState,
    #[string] signal: &str,
) -> Result<ResourceId, JsErrorBox> {
    if matches!(signal, "SIGKILL" | "SIGSTOP") {
        return Err(JsErrorBox::type_error(format!("Binding to signal '{signal}' is not allowed")));
    }
    let received = state.borrow::<Arc<Control>>().signals.listen(number_of(signal)?);
    let listener =
        Listener { received: AsyncRefCell::new(received), unbound: CancelHandle::default() };
    Ok(state.resource_table.add(listener))
}

/// Waits for the signal. `true` when the listener was closed.
#[op2]
pub(crate) async fn op_host_signal_poll(
    state: Rc<RefCell<OpState>>,
    #[smi] rid: ResourceId,
) -> Result<bool, JsErrorBox> {
    let Ok(listener) = state.borrow().resource_table.get::<Listener>(rid) else {
        return Ok(true);
    };
    let unbound = RcRef::map(&listener, |listener| &listener.unbound);
    let mut received = RcRef::map(&listener, |listener| &listener.received).borrow_mut().await;
    let changed = async { received.changed().await.map_err(std::io::Error::other) };
    Ok(changed.try_or_cancel(unbound).await.is_err())
}

#[op2(fast)]
pub(crate) fn op_host_signal_unbind(
    state: &mut OpState,
    #[smi] rid: ResourceId,
) -> Result<(), JsErrorBox> {
    let listener = state.resource_table.take::<Listener>(rid).map_err(JsErrorBox::from_err)?;
    listener.close();
    Ok(())
}
