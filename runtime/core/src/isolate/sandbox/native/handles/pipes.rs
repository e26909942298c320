//! Pipes with a path, which are Unix sockets.
//!
//! Deno resolves the path again when it connects, changes the mode of a socket or removes it, after the permission
//! check. To prevent a race, a listening socket is created here in the checked folder and passed to Deno without a
//! path. Connections use the open file of the checked socket.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use std::collections::HashMap;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{JsRuntime, V8TaskSpawner, v8};
use deno_runtime::deno_permissions::CheckedPath;
use nix::errno::Errno;

use super::{TOO_MANY_FILES, has_room, mark_open, open_checked};
use crate::isolate::sandbox::files::fd_guard::{FdGuard, reserve_fd};
use crate::isolate::sandbox::files::open_files::FdReservation;
use crate::isolate::sandbox::files::sandbox_fs::{PinnedPath, pin_socket_to_connect};
use crate::isolate::sandbox::native::methods::{Call, define, get, private_symbol, replace};
use crate::isolate::sandbox::network::unix_sockets::{self, SocketFiles};
use crate::isolate::sandbox::permissions::with_checked_as;

/// The value of `socketTypeForIpc()` for a listening pipe.
const LISTENING: i32 = 1;

/// The method that replaces `fchmod` in Deno's JavaScript (`module_patches/replacements.rs`).
const ADD_MODE: &str = "addMode";

/// On a handle, the ID of its pending connection.
const CONNECTING: &str = "js-runtime.connecting";

/// Positions of the further methods in the data of `bind`.
const OPEN: u32 = 1;
const SOCKET_TYPE: u32 = 2;

/// Replaces methods of pipes. `open` must have been replaced.
pub(super) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    pipe: v8::Local<'s, v8::Object>,
) -> Option<()> {
    {
        let state = JsRuntime::op_state_from(scope);
        let mut state = state.borrow_mut();
        state.put(SocketFiles::default());
        state.put(PendingConnections::default());
    }
    replace(scope, pipe, "connect", &[], v8::Function::builder(connect))?;
    replace(scope, pipe, "bind", &["open", "socketTypeForIpc"], v8::Function::builder(bind))?;
    let add_mode = v8::FunctionTemplate::new(scope, add_mode).get_function(scope)?;
    define(scope, pipe, ADD_MODE, add_mode.into())
}

/// The address among the arguments of a pipe's method.
enum Address {
    Path(PathBuf),
    /// An abstract name, or an empty one.
    Other,
}

/// The address that the script passed. `None` if it is not a string.
fn address_at(
    scope: &mut v8::PinScope<'_, '_>,
    arguments: &[v8::Local<'_, v8::Value>],
    position: usize,
) -> Option<Address> {
    let text: v8::Local<v8::String> = (*arguments.get(position)?).try_into().ok()?;
    let text = text.to_rust_string_lossy(scope);
    let is_path = !text.is_empty() && !text.starts_with('\0');
    Some(if is_path { Address::Path(text.into()) } else { Address::Other })
}

const INVALID: i32 = -(Errno::EINVAL as i32);

/// The negative of an `errno`, as methods of a handle return it.
fn status_of(error: &io::Error) -> i32 {
    let other =
        if error.kind() == io::ErrorKind::PermissionDenied { Errno::EACCES } else { Errno::EINVAL };
    -error.raw_os_error().unwrap_or(other as i32)
}

fn connect<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::new(&arguments) else { return };
    if !unix_sockets::is_address_allowed(scope, &mut call.arguments, 1) {
        return;
    }
    let request = call.arguments.first().and_then(|it| v8::Local::<v8::Object>::try_from(*it).ok());
    let code = match (address_at(scope, &call.arguments, 1), request) {
        (Some(Address::Path(path)), Some(request)) => connect_to(scope, &call, &path, request),
        (Some(Address::Other), Some(_)) => open_checked(scope, &mut call, 1),
        _ => Some(INVALID),
    };
    if let Some(code) = code {
        rv.set_int32(code);
    }
}

/// Starts to connect to a path. Returns `None` if it throws.
fn connect_to<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    call: &Call<'s>,
    path: &Path,
    request: v8::Local<'s, v8::Object>,
) -> Option<i32> {
    if !has_room(scope) {
        return Some(TOO_MANY_FILES);
    }
    let state = JsRuntime::op_state_from(scope);
    let checked =
        unix_sockets::check(&mut state.borrow_mut(), path.into(), "node:net.createConnection()");
    let path = match checked {
        Ok(path) => path.into_owned_path(),
        Err(error) => {
            throw_js_error_class(scope, &error);
            return None;
        }
    };
    let pinned = pin_socket_to_connect(&CheckedPath::unsafe_new((&path).into()));
    let (pinned, reservation) = match pinned.and_then(|pinned| Ok((pinned, reserve_fd()?))) {
        Ok(pinned) => pinned,
        Err(error) => {
            fail_async(scope, call.this, request, status_of(&error));
            return Some(0);
        }
    };
    let path_in_proc = pinned.path().to_owned();
    let id = state.borrow_mut().borrow_mut::<PendingConnections>().add(pinned, reservation);
    let id_value = v8::Integer::new_from_unsigned(scope, id);
    let data = v8::Array::new_with_elements(scope, &[request.into(), id_value.into()]);
    let done = v8::Function::builder(connected).data(data.into()).build(scope)?;
    let null = v8::null(scope).into();
    let name = v8::String::new(scope, "oncomplete")?.into();
    let wrapper = v8::Object::with_prototype_and_properties(scope, null, &[name], &[done.into()]);
    let address = v8::String::new(scope, path_in_proc.to_str()?)?;
    let code = with_checked_as(&path_in_proc, &path, || {
        call.call_method(scope, 0, &[wrapper.into(), address.into()])
    });
    let code = code.and_then(|code| code.int32_value(scope));
    if code == Some(0) {
        let symbol = private_symbol(scope, CONNECTING)?;
        call.this.set_private(scope, symbol, id_value.into())?;
        mark_open(scope, call.this)?;
    } else {
        state.borrow_mut().borrow_mut::<PendingConnections>().remove(id);
    }
    code
}

/// Called when a connection is established or has failed.
fn connected<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let Ok(data) = v8::Local::<v8::Array>::try_from(arguments.data()) else { return };
    let (Some(request), Some(id)) = (data.get_index(scope, 0), data.get_index(scope, 1)) else {
        return;
    };
    remove_pending(scope, id);
    let Ok(request) = v8::Local::<v8::Object>::try_from(request) else { return };
    let (handle, status) = (arguments.get(1), arguments.get(0));
    complete(scope, request, &[status, handle, request.into(), arguments.get(3), arguments.get(4)]);
}

fn complete<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    request: v8::Local<'s, v8::Object>,
    arguments: &[v8::Local<'s, v8::Value>],
) {
    let done = get(scope, request, "oncomplete");
    if let Some(Ok(done)) = done.map(v8::Local::<v8::Function>::try_from) {
        // Deno ignores an exception here as well.
        let _ = done.call(scope, request.into(), arguments);
    }
}

/// Reports a failed connection asynchronously, as Deno does.
fn fail_async<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    handle: v8::Local<'s, v8::Object>,
    request: v8::Local<'s, v8::Object>,
    status: i32,
) {
    let handle = v8::Global::new(scope, handle);
    let request = v8::Global::new(scope, request);
    let state = JsRuntime::op_state_from(scope);
    let spawner = state.borrow().borrow::<V8TaskSpawner>().clone();
    spawner.spawn(move |scope| {
        let handle = v8::Local::new(scope, handle).into();
        let request = v8::Local::new(scope, request);
        let status = v8::Integer::new(scope, status).into();
        let no = v8::Boolean::new(scope, false).into();
        complete(scope, request, &[status, handle, request.into(), no, no]);
    });
}

/// Pending connections. Each keeps the file of its socket open until it is established or has failed.
#[derive(Default)]
struct PendingConnections {
    last_id: u32,
    sockets: HashMap<u32, (PinnedPath, Option<FdReservation>)>,
}

impl PendingConnections {
    fn add(&mut self, pinned: PinnedPath, reservation: Option<FdReservation>) -> u32 {
        self.last_id = self.last_id.wrapping_add(1);
        self.sockets.insert(self.last_id, (pinned, reservation));
        self.last_id
    }

    fn remove(&mut self, id: u32) {
        self.sockets.remove(&id);
    }
}

fn remove_pending(scope: &mut v8::PinScope<'_, '_>, id: v8::Local<'_, v8::Value>) {
    if let Some(id) = id.uint32_value(scope) {
        let state = JsRuntime::op_state_from(scope);
        state.borrow_mut().borrow_mut::<PendingConnections>().remove(id);
    }
}

/// Releases the resources of a closed handle.
pub(super) fn on_closed<'s>(scope: &mut v8::PinScope<'s, '_>, handle: v8::Local<'s, v8::Object>) {
    let state = JsRuntime::op_state_from(scope);
    SocketFiles::remove_closed(&mut state.borrow_mut());
    let id = private_symbol(scope, CONNECTING).and_then(|symbol| handle.get_private(scope, symbol));
    if let Some(id) = id.filter(|id| id.is_uint32()) {
        remove_pending(scope, id);
    }
}

fn bind<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::new(&arguments) else { return };
    if !unix_sockets::is_address_allowed(scope, &mut call.arguments, 0) {
        return;
    }
    let path = match address_at(scope, &call.arguments, 0) {
        Some(Address::Path(path)) => path,
        Some(Address::Other) => {
            if let Some(code) = open_checked(scope, &mut call, 0) {
                rv.set_int32(code);
            }
            return;
        }
        None => return rv.set_int32(INVALID),
    };
    let Some(kind) = call.call_method(scope, SOCKET_TYPE, &[]) else { return };
    if kind.int32_value(scope) != Some(LISTENING) {
        // Deno would connect a client to another path.
        return rv.set_int32(INVALID);
    }
    if let Some(code) = listen_at(scope, &call, &path) {
        rv.set_int32(code);
    }
}

/// Creates a socket at a path and passes it to the handle. Returns `None` if it throws.
fn listen_at<'s>(scope: &mut v8::PinScope<'s, '_>, call: &Call<'s>, path: &Path) -> Option<i32> {
    if !has_room(scope) {
        return Some(TOO_MANY_FILES);
    }
    let state = JsRuntime::op_state_from(scope);
    let result = {
        let mut state = state.borrow_mut();
        let path = unix_sockets::check(&mut state, path.into(), "node:net.Server.listen()");
        path.map(|path| SocketFiles::listen(&mut state, &path))
    };
    let socket = match result {
        Err(error) => {
            throw_js_error_class(scope, &error);
            return None;
        }
        Ok(Err(error)) => return Some(status_of(&error)),
        Ok(Ok(listener)) => listener.into_raw_fd(),
    };
    FdGuard::of(&state.borrow()).offer(socket);
    let fd = v8::Integer::new(scope, socket).into();
    let code = call.call_method(scope, OPEN, &[fd]).and_then(|code| code.int32_value(scope));
    if code != Some(0) {
        // SAFETY: `into_raw_fd` released `socket` above, and `open` failed, so nothing else owns it.
        drop(unsafe { OwnedFd::from_raw_fd(socket) });
    }
    code
}

/// Lets other users read from or write to the socket.
fn add_mode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    const READ_AND_WRITE: u32 = 0o666;
    let Some(mode) = arguments.get(0).uint32_value(scope) else { return };
    let Some(socket) = get(scope, arguments.this(), "fd") else { return };
    let Some(socket) = socket.int32_value(scope) else { return };
    let state = JsRuntime::op_state_from(scope);
    let state = state.borrow();
    let result = state.borrow::<SocketFiles>().add_mode(socket, mode & READ_AND_WRITE);
    rv.set_int32(result.err().map_or(0, |error| status_of(&error)));
}
