//! What is asked before ops that open something, or that make as many bytes as a script names.
//!
//! An op of Deno's opens a socket or a watcher without asking whether the script may have one more
//! (`limits.openFiles`), and takes native memory that nothing refuses. V8 enters none of these ops by its fast way.

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{JsRuntime, OpDecl, v8};

use crate::isolate::limits::native_sizes;
use crate::isolate::sandbox::files::fd_guard::FdGuard;
use crate::isolate::sandbox::ops::buffers;
use crate::isolate::sandbox::ops::entry::{Callback, declaration, with_entry};

/// Ops that open one descriptor or more.
const OPEN: [&str; 21] = [
    "op_fetch",
    "op_fs_events_open",
    "op_host_connect_unix",
    "op_host_listen_unix",
    "op_net_accept_tcp",
    "op_net_accept_tls",
    "op_net_accept_tunnel",
    "op_net_accept_unix",
    "op_net_accept_vsock",
    "op_net_connect_tcp",
    "op_net_connect_tls",
    "op_net_connect_vsock",
    "op_net_listen_tcp",
    "op_net_listen_tls",
    "op_net_listen_udp",
    "op_net_listen_unixpacket",
    "op_net_listen_vsock",
    "op_node_unstable_net_listen_udp",
    "op_node_unstable_net_listen_unixpacket",
    "op_quic_endpoint_create",
    "op_ws_create",
];

/// Ops that make so many bytes as one of their arguments tells. The first argument of an asynchronous op is the number
/// of its promise.
const MAKE: [(&str, i32); 3] =
    [("op_node_create_hash", 1), ("op_node_fill_random_async", 1), ("op_node_pbkdf2_async", 5)];

/// Puts the checks before an op.
pub(crate) fn checked(op: OpDecl) -> OpDecl {
    if OPEN.contains(&op.name) || made(op.name).is_some() {
        let callback: Callback = with_checks;
        return with_entry(op, callback);
    }
    op
}

fn made(name: &str) -> Option<i32> {
    MAKE.iter().find(|(op, _)| *op == name).map(|(_, place)| *place)
}

unsafe extern "C" fn with_checks(info: *const v8::FunctionCallbackInfo) {
    // SAFETY: V8 calls this with a call of an op.
    let (this, op) = unsafe {
        let this = &*info;
        let data = v8::FunctionCallbackArguments::from_function_callback_info(this).data();
        (this, declaration(data))
    };
    {
        v8::callback_scope!(unsafe scope, this);
        let args = v8::FunctionCallbackArguments::from_function_callback_info(this);
        if let Err(error) = check(scope, op, &args) {
            return throw_js_error_class(scope, &error);
        }
    }
    // SAFETY: as above.
    unsafe { buffers::pass(info, op) }
}

fn check(
    scope: &mut v8::PinScope<'_, '_>,
    op: &OpDecl,
    args: &v8::FunctionCallbackArguments<'_>,
) -> Result<(), JsErrorBox> {
    if let Some(place) = made(op.name) {
        // What is no number is refused by the op.
        let bytes = args.get(place).number_value(scope).unwrap_or_default();
        return native_sizes::check(scope, bytes);
    }
    let state = JsRuntime::op_state_from(scope);
    let room = FdGuard::ensure_room(&state.borrow(), 1);
    room.map_err(JsErrorBox::from_err)
}
