//! Limits on ops that open descriptors, or that allocate a number of bytes chosen by the script.
//!
//! Deno opens sockets and watchers without regard to `limits.openFiles`, and allocates native memory without a
//! limit. None of these ops has a V8 fast call, which would bypass the check.

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{JsRuntime, OpDecl, v8};

use crate::isolate::limits::native_sizes;
use crate::isolate::sandbox::files::fd_guard::FdGuard;
use crate::isolate::sandbox::ops::buffers;
use crate::isolate::sandbox::ops::entry::{Callback, declaration, with_entry};

/// Ops that open at least one descriptor.
const OPENING_OPS: [&str; 21] = [
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

/// Ops that allocate a number of bytes, with the position of the argument that says how many. The first argument of an
/// asynchronous op is the ID of its promise.
const ALLOCATING_OPS: [(&str, i32); 3] =
    [("op_node_create_hash", 1), ("op_node_fill_random_async", 1), ("op_node_pbkdf2_async", 5)];

/// Adds the checks that an op needs.
pub(crate) fn checked(op: OpDecl) -> OpDecl {
    if OPENING_OPS.contains(&op.name) || size_argument(op.name).is_some() {
        let callback: Callback = with_checks;
        return with_entry(op, callback);
    }
    op
}

fn size_argument(name: &str) -> Option<i32> {
    ALLOCATING_OPS.iter().find(|(op, _)| *op == name).map(|(_, position)| *position)
}

unsafe extern "C" fn with_checks(info: *const v8::FunctionCallbackInfo) {
    // SAFETY: `checked` installs this callback for ops only, so `info` is valid and its data is an op's.
    let (this, op) = unsafe {
        let this = &*info;
        let data = v8::FunctionCallbackArguments::from_function_callback_info(this).data();
        (this, declaration(data))
    };
    {
        // SAFETY: V8 passes `this` to a running callback, whose isolate and context are entered.
        v8::callback_scope!(unsafe scope, this);
        let args = v8::FunctionCallbackArguments::from_function_callback_info(this);
        if let Err(error) = check(scope, op, &args) {
            return throw_js_error_class(scope, &error);
        }
    }
    // SAFETY: `info` belongs to this running call of `op`.
    unsafe { buffers::call_checked(info, op) }
}

fn check(
    scope: &mut v8::PinScope<'_, '_>,
    op: &OpDecl,
    args: &v8::FunctionCallbackArguments<'_>,
) -> Result<(), JsErrorBox> {
    if let Some(position) = size_argument(op.name) {
        // The op refuses anything but a number.
        let bytes = args.get(position).number_value(scope).unwrap_or_default();
        return native_sizes::check(scope, bytes);
    }
    let state = JsRuntime::op_state_from(scope);
    let room = FdGuard::ensure_room(&state.borrow(), 1);
    room.map_err(JsErrorBox::from_err)
}
