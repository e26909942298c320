//! Permission checks of Unix sockets.
//!
//! Linux has abstract sockets, which have a name and no path. Deno lets every script with network access use them.
//! Services of the system and of the user listen there, such as a session bus or a display. So an abstract socket
//! needs the permission for all paths: to read and write everything.

#[cfg(unix)]
mod files;
#[cfg(unix)]
mod ops;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{JsRuntime, OpState, v8};
use deno_runtime::deno_permissions::PermissionsContainer;

#[cfg(unix)]
pub(crate) use self::files::SocketFiles;
#[cfg(unix)]
use self::files::connect;
#[cfg(unix)]
pub(crate) use self::ops::{
    check, op_host_accept_unix, op_host_close, op_host_connect_unix, op_host_listen_unix,
    op_host_try_close,
};

fn check_abstract_name(
    state: &mut OpState,
    address: &str,
    api_name: &str,
) -> Result<(), JsErrorBox> {
    if !address.starts_with('\0') {
        return Ok(());
    }
    let permissions = state.borrow_mut::<PermissionsContainer>();
    permissions.check_read_all(api_name).map_err(JsErrorBox::from_err)?;
    permissions.check_write_all(api_name).map_err(JsErrorBox::from_err)
}

/// Whether a Node handle may use the address in argument `place`. Replaces the argument with a string, because an
/// object could convert to another string each time. Returns `false` after throwing an error.
pub(crate) fn is_address_allowed<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &mut [v8::Local<'s, v8::Value>],
    place: usize,
) -> bool {
    let Some(argument) = arguments.get_mut(place).filter(|it| it.is_string() || it.is_object())
    else {
        return true;
    };
    let Some(address) = argument.to_string(scope) else { return false };
    *argument = address.into();
    let address = address.to_rust_string_lossy(scope);
    let state = JsRuntime::op_state_from(scope);
    let checked = check_abstract_name(&mut state.borrow_mut(), &address, "node:net");
    checked.inspect_err(|error| throw_js_error_class(scope, error)).is_ok()
}
