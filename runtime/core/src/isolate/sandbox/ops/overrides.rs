//! The list of replaced ops: those that act on the whole operating system process, and those that need another check.
//!
//! Deno owns its process. Here the process is the application's, so state that is global to it is private to each
//! isolate (environment, signals, working directory), acts on the isolate only (exit, abort, kill), or is refused.

use std::sync::Arc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{
    Extension, ExtensionFileSource, OpDecl, OpState, ascii_str_include, op2,
};
use deno_runtime::deno_os::ExitCode;
use deno_runtime::deno_permissions::PermissionsContainer;
use serde::Deserialize;

use super::{code_cache, originals, ports, verdicts, worker_args};
use crate::isolate::limits::blobs;
use crate::isolate::limits::control::{Control, SelfEnded};
use crate::isolate::limits::signals::SIGABRT;
use crate::isolate::sandbox::children::{executable, inherit, spawn};
use crate::isolate::sandbox::files::cwd::WorkingDirectory;
use crate::isolate::sandbox::files::{fd_guard, open_file_ops};
#[cfg(unix)]
use crate::isolate::sandbox::network::{multicast, unix_sockets};
use crate::isolate::sandbox::network::{proxies, tls};
use crate::isolate::sandbox::ops::{buffers, checks};
use crate::isolate::sandbox::{env, signals, sqlite};
use crate::isolate::stdio::frame_api;

/// Exposes the objects that contain ops.
pub(crate) const EXPOSE_OPS: ExtensionFileSource = ExtensionFileSource::new(
    "ext:js_runtime_overrides/expose_ops.js",
    ascii_str_include!("expose_ops.js"),
);

/// The extension that installs the replacements, first those of `replaced_module_op`. `state` puts the values that they
/// use into the op state.
pub(crate) fn extension(
    cwd: WorkingDirectory,
    replaced_module_op: fn(&OpDecl) -> Option<OpDecl>,
    state: impl FnOnce(&mut OpState) + 'static,
) -> Extension {
    Extension {
        name: "js_runtime_overrides",
        js_files: vec![EXPOSE_OPS].into(),
        middleware_fn: Some(Box::new(move |op| {
            let name = op.name;
            let replaced = replaced_module_op(&op).unwrap_or_else(|| replace(op, cwd));
            checks::checked(ports::wrapped(name, buffers::checked(name, replaced)))
        })),
        op_state_fn: Some(Box::new(state)),
        ..Extension::default()
    }
}

fn replace(op: OpDecl, cwd: WorkingDirectory) -> OpDecl {
    match op.name {
        "op_exit" => op_host_exit(),
        "op_process_abort" => op_host_abort(),
        "op_kill" => op_host_kill(),
        "op_node_process_kill" => op_host_node_kill(),
        "op_exec_path" => executable::op_host_exec_path(),
        "op_node_guess_handle_type" => op_host_guess_handle_type(),
        "op_bootstrap_stdout_no_color" | "op_bootstrap_stderr_no_color" => op_host_no_color(),
        "op_read_line_prompt" => op_host_prompt(),
        "op_desktop_recv_event" => frame_api::op_host_read_lines(),
        "op_desktop_send_error_report" => frame_api::op_host_write_line(),
        "op_desktop_confirm" => proxies::op_host_client(),
        "op_require_break_on_next_statement" => fd_guard::op_host_fd_step(),
        "op_node_create_pipe" => fd_guard::op_host_create_pipe(),
        "op_spawn_child" => spawn::op_host_spawn_child(),
        "op_node_spawn_child" => spawn::op_host_node_spawn_child(),
        "op_spawn_sync" => spawn::op_host_spawn_sync(),
        "op_create_worker" => worker_args::op_host_create_worker(),
        "op_node_process_set_title"
        | "op_v8_set_flags_from_string"
        | "op_v8_set_heap_snapshot_near_heap_limit" => op_host_ignored(),
        "op_node_process_setuid"
        | "op_node_process_setgid"
        | "op_node_process_seteuid"
        | "op_node_process_setegid" => op_host_no_set_id(),
        "op_node_os_set_priority" => op_host_no_priority(),
        "op_node_worker_thread_post_message" => op_host_no_thread_message(),
        "op_inspector_open"
        | "op_inspector_wait"
        | "op_inspector_connect"
        | "op_node_repl_inspector_connect"
        | "op_inspector_dispatch" => op_host_no_inspector(),
        "op_inspector_url" => op_host_nothing(),
        "op_inspector_close" | "op_inspector_disconnect" | "op_inspector_emit_protocol_event" => {
            op_host_ignored()
        }
        "op_create_gpu" => op_host_no_gpu(),
        "op_node_udp_fd_for_ipc" => op_host_no_duplicate(),
        "op_node_udp_open" => op_host_no_udp_open(),
        "op_fs_chdir" if cwd == WorkingDirectory::Application => op_host_no_chdir(),
        "op_fs_umask" if cwd == WorkingDirectory::Application => op_host_no_umask(),
        "op_tty_check_fd_permission" => fd_guard::op_host_check_fd(),
        "op_desktop_apply_patch" => inherit::op_host_drain_child(),
        "op_desktop_init" => executable::op_host_runtime(),
        "op_node_fd_set_blocking" => fd_guard::op_host_set_blocking(),
        "op_fs_flock_sync" => open_file_ops::op_host_flock_sync(),
        "op_node_fs_fchmod" => open_file_ops::op_host_fchmod(),
        "op_node_fs_fchmod_sync" => open_file_ops::op_host_fchmod_sync(),
        "op_node_fs_fchown" => open_file_ops::op_host_fchown(),
        "op_node_fs_fchown_sync" => open_file_ops::op_host_fchown_sync(),
        "op_node_fs_futimes" => open_file_ops::op_host_futimes(),
        "op_node_fs_futimes_sync" => open_file_ops::op_host_futimes_sync(),
        "op_tls_key_null" => tls::op_host_tls_key_null(),
        "op_tls_key_static" => tls::op_host_tls_key_static(),
        "op_tls_cert_resolver_create" => tls::op_host_tls_cert_resolver_create(),
        "op_vm_create_script" => code_cache::op_host_vm_create_script(),
        "op_vm_compile_function" => code_cache::op_host_vm_compile_function(),
        "op_http_serve_address_override" => op_host_no_address(),
        "op_http_serve_default_compression" => op_host_no_compression(),
        "op_panic" => op_host_no_panic(),
        "op_blob_slice_part" => blobs::op_host_blob_slice_part(),
        "op_env" => env::op_host_env(),
        "op_get_env" => env::op_host_get_env(),
        "op_get_env_no_permission_check" => env::op_host_get_env_no_permission_check(),
        "op_set_env" => env::op_host_set_env(),
        "op_delete_env" => env::op_host_delete_env(),
        "op_node_load_env_file" => env::op_host_load_env_file(),
        #[cfg(unix)]
        "op_net_connect_unix" => unix_sockets::op_host_connect_unix(),
        #[cfg(unix)]
        "op_net_listen_unix" => unix_sockets::op_host_listen_unix(),
        #[cfg(unix)]
        "op_net_accept_unix" => unix_sockets::op_host_accept_unix(),
        #[cfg(unix)]
        "op_node_udp_join_source_specific" => multicast::op_host_join_source_specific(),
        #[cfg(unix)]
        "op_close" => unix_sockets::op_host_close(),
        #[cfg(unix)]
        "op_try_close" => unix_sockets::op_host_try_close(),
        #[cfg(not(unix))]
        "op_close" | "op_try_close" => op,
        "op_node_database_backup" => sqlite::op_host_backup(),
        "op_signal_bind" => signals::op_host_signal_bind(),
        "op_signal_poll" => signals::op_host_signal_poll(),
        "op_signal_unbind" => signals::op_host_signal_unbind(),
        #[cfg(test)]
        "op_gid" => crate::crash::panics::op_test_sync(),
        #[cfg(test)]
        "op_dns_resolve" => crate::crash::panics::op_test_async(),
        name => originals::carried(name).unwrap_or_else(|| verdicts::allowed(op)),
    }
}

/// Ends the script of this isolate.
fn end_script(state: &OpState, how: SelfEnded) {
    state.borrow::<Arc<Control>>().end_of_script(how);
}

#[op2(fast)]
fn op_host_exit(state: &mut OpState) {
    let code = state.borrow::<ExitCode>().get();
    end_script(state, SelfEnded::Exit(code));
}

#[op2(fast)]
fn op_host_abort(state: &mut OpState) {
    end_script(state, SelfEnded::Signal(SIGABRT));
}

/// Delivers a signal that the script sends to the application's process to the script instead.
fn signal_self(state: &mut OpState, signal: i32) {
    state.borrow::<Arc<Control>>().signal(signal);
}

/// Returns true if a signal to `pid` would reach the application's process: by its ID, its group, or as a broadcast.
fn is_self(pid: i32) -> bool {
    matches!(pid, 0 | -1)
        || pid.unsigned_abs() == std::process::id()
        || pid.checked_neg().is_some_and(is_own_group)
}

#[cfg(unix)]
fn is_own_group(group: i32) -> bool {
    nix::unistd::getpgrp().as_raw() == group
}

#[cfg(not(unix))]
fn is_own_group(_: i32) -> bool {
    false
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SignalArg {
    Name(String),
    Number(i32),
}

#[op2(stack_trace)]
fn op_host_kill(
    state: &mut OpState,
    #[smi] pid: i32,
    #[serde] signal: SignalArg,
    #[string] api_name: &str,
) -> Result<(), JsErrorBox> {
    let signal = match signal {
        SignalArg::Name(name) => signals::number_of(&name)?,
        SignalArg::Number(number) => number,
    };
    if is_self(pid) {
        signal_self(state, signal);
        return Ok(());
    }
    check_run(state, api_name)?;
    send(pid, signal).map_err(JsErrorBox::from_err)
}

/// Returns an `errno` or 0, like Node's binding.
#[op2(fast, stack_trace)]
fn op_host_node_kill(
    state: &mut OpState,
    #[smi] pid: i32,
    #[smi] signal: i32,
) -> Result<i32, JsErrorBox> {
    if is_self(pid) {
        signal_self(state, signal);
        return Ok(0);
    }
    check_run(state, "process.kill")?;
    Ok(send(pid, signal).err().and_then(|error| error.raw_os_error()).unwrap_or(0))
}

fn check_run(state: &mut OpState, api_name: &str) -> Result<(), JsErrorBox> {
    let permissions = state.borrow_mut::<PermissionsContainer>();
    permissions.check_run_all(api_name).map_err(JsErrorBox::from_err)
}

#[cfg(unix)]
fn send(pid: i32, signal: i32) -> std::io::Result<()> {
    let signal = match signal {
        0 => None,
        number => Some(nix::sys::signal::Signal::try_from(number)?),
    };
    Ok(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal)?)
}

#[cfg(not(unix))]
fn send(_: i32, _: i32) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Reports descriptors 0 to 2 as pipes. The application's own may be a terminal or closed.
#[op2(fast)]
fn op_host_guess_handle_type(descriptor: u32) -> u32 {
    const PIPE: u32 = 4;
    const FILE: u32 = 3;
    if descriptor <= 2 { PIPE } else { FILE }
}

/// Datagram sockets cannot be sent to children.
#[op2(fast)]
#[smi]
fn op_host_no_duplicate(#[smi] _rid: u32) -> i32 {
    -1
}

/// `prompt()` without a terminal.
#[op2]
#[string]
fn op_host_prompt() -> Option<String> {
    None
}

#[op2(fast)]
fn op_host_no_color() -> bool {
    true
}

/// Ignores `DENO_SERVE_ADDRESS` of the application: a script serves at the address that it gives.
#[op2]
fn op_host_no_address() -> (u8, String, u32, bool) {
    (0, String::new(), 0, false)
}

#[op2(fast)]
fn op_host_no_compression() -> bool {
    false
}

#[op2(nofast)]
fn op_host_ignored() {}

/// `inspector.url()` without an inspector. Needs no permission.
#[op2]
#[string]
fn op_host_nothing() -> Option<String> {
    None
}

macro_rules! refused {
    ($($name:ident: $message:literal;)*) => {
        $(#[op2(nofast)]
        fn $name() -> Result<(), JsErrorBox> {
            Err(JsErrorBox::new(
                "NotSupported",
                concat!($message, "; a child process can: runtime \"deno\""),
            ))
        })*
    };
}

refused! {
    op_host_no_set_id: "An embedded script cannot change the application's user or group";
    op_host_no_priority: "An embedded script cannot change the application's priority";
    op_host_no_thread_message: "An embedded script cannot send messages to threads by ID";
    op_host_no_inspector: "An embedded script cannot open an inspector or a session, \
         which could call the engine's native functions";
    op_host_no_gpu: "WebGPU is not available to an embedded script, because neither the time nor \
         the memory of a shader can be limited";
    op_host_no_panic: "An embedded script cannot end the application";
    op_host_no_udp_open: "An embedded script cannot take over a socket";
    op_host_no_chdir: "On this system an embedded script cannot change its working directory";
    op_host_no_umask: "On this system an embedded script cannot change its umask";
}
