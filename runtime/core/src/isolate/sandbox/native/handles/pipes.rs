//! Pipes with a path, which are Unix sockets.
//!
//! What the engine has would use the path as it was written whenever it needs it: when it connects, which is later,
//! when it changes the mode of a socket, and when it removes one. So a socket that listens is made here, in the folder
//! that was checked, and the engine gets it without a path. It connects to a socket by the file of it, which is open.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use std::collections::HashMap;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{JsRuntime, V8TaskSpawner, v8};
use deno_runtime::deno_permissions::CheckedPath;
use nix::errno::Errno;

use super::{TOO_MANY, call_to_open, has_room, has_socket};
use crate::isolate::sandbox::files::fd_guard::{FdGuard, reserve_fd};
use crate::isolate::sandbox::files::open_files::FdReservation;
use crate::isolate::sandbox::files::sandbox_fs::{PinnedPath, pin_socket_to_connect};
use crate::isolate::sandbox::native::methods::{Call, define, get, mark, replace};
use crate::isolate::sandbox::network::unix_sockets::{self, SocketFiles};
use crate::isolate::sandbox::permissions::with_checked_as;

/// A pipe that listens, to `socketTypeForIpc()`.
const SERVER: i32 = 1;

/// `fchmod` of the engine's JavaScript calls this (`module_patches/amendments.rs`).
const ALLOW: &str = "allowMore";

/// On a handle, the number of what it is being connected to.
const CONNECTING: &str = "js-runtime.connecting";

/// Where a function has the methods that it needs beside the one that it replaces.
const OPEN: u32 = 1;
const KIND: u32 = 2;

/// Replaces methods of pipes. `open` must have been replaced.
pub(super) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    pipe: v8::Local<'s, v8::Object>,
) -> Option<()> {
    {
        let state = JsRuntime::op_state_from(scope);
        let mut state = state.borrow_mut();
        state.put(SocketFiles::default());
        state.put(Connecting::default());
    }
    replace(scope, pipe, "connect", &[], v8::Function::builder(connect))?;
    replace(scope, pipe, "bind", &["open", "socketTypeForIpc"], v8::Function::builder(bind))?;
    let allow = v8::FunctionTemplate::new(scope, allow).get_function(scope)?;
    define(scope, pipe, ALLOW, allow.into())
}

/// What is among the arguments of a pipe's method.
enum Address {
    Path(PathBuf),
    /// A name without a path, or nothing at all.
    Other,
}

/// The address as the script wrote it; `None` for what is no text.
fn address_at(
    scope: &mut v8::PinScope<'_, '_>,
    arguments: &[v8::Local<'_, v8::Value>],
    place: usize,
) -> Option<Address> {
    let text: v8::Local<v8::String> = (*arguments.get(place)?).try_into().ok()?;
    let text = text.to_rust_string_lossy(scope);
    let is_path = !text.is_empty() && !text.starts_with('\0');
    Some(if is_path { Address::Path(text.into()) } else { Address::Other })
}

const INVALID: i32 = -(Errno::EINVAL as i32);

/// What a handle's method answers: the negative of the system's number.
fn answer_of(error: &io::Error) -> i32 {
    let other =
        if error.kind() == io::ErrorKind::PermissionDenied { Errno::EACCES } else { Errno::EINVAL };
    -error.raw_os_error().unwrap_or(other as i32)
}

fn connect<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::of(&arguments) else { return };
    if !unix_sockets::is_address_allowed(scope, &mut call.arguments, 1) {
        return;
    }
    let request = call.arguments.first().and_then(|it| v8::Local::<v8::Object>::try_from(*it).ok());
    let code = match (address_at(scope, &call.arguments, 1), request) {
        (Some(Address::Path(path)), Some(request)) => connect_to(scope, &call, &path, request),
        (Some(Address::Other), Some(_)) => call_to_open(scope, &mut call, 1),
        _ => Some(INVALID),
    };
    if let Some(code) = code {
        answer.set_int32(code);
    }
}

/// `None` when an error was thrown.
fn connect_to<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    call: &Call<'s>,
    path: &Path,
    request: v8::Local<'s, v8::Object>,
) -> Option<i32> {
    if !has_room(scope) {
        return Some(TOO_MANY);
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
    let held = pin_socket_to_connect(&CheckedPath::unsafe_new((&path).into()));
    let (held, counted) = match held.and_then(|held| Ok((held, reserve_fd()?))) {
        Ok(held) => held,
        Err(error) => {
            fail_later(scope, call.this, request, answer_of(&error));
            return Some(0);
        }
    };
    let place = held.path().to_owned();
    let number = state.borrow_mut().borrow_mut::<Connecting>().add(held, counted);
    let number_value = v8::Integer::new_from_unsigned(scope, number);
    let data = v8::Array::new_with_elements(scope, &[request.into(), number_value.into()]);
    let done = v8::Function::builder(connected).data(data.into()).build(scope)?;
    let null = v8::null(scope).into();
    let name = v8::String::new(scope, "oncomplete")?.into();
    let own = v8::Object::with_prototype_and_properties(scope, null, &[name], &[done.into()]);
    let address = v8::String::new(scope, place.to_str()?)?;
    let code =
        with_checked_as(&place, &path, || call.pass(scope, 0, &[own.into(), address.into()]));
    let code = code.and_then(|code| code.int32_value(scope));
    if code == Some(0) {
        let mark = mark(scope, CONNECTING)?;
        call.this.set_private(scope, mark, number_value.into())?;
        has_socket(scope, call.this)?;
    } else {
        state.borrow_mut().borrow_mut::<Connecting>().remove(number);
    }
    code
}

/// Called when a connection is there, or has failed.
fn connected<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let Ok(data) = v8::Local::<v8::Array>::try_from(arguments.data()) else { return };
    let (Some(request), Some(number)) = (data.get_index(scope, 0), data.get_index(scope, 1)) else {
        return;
    };
    forget(scope, number);
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
        // The engine does not look at what it throws either.
        let _ = done.call(scope, request.into(), arguments);
    }
}

/// Tells that there is no connection, as the engine does: not before the script has gone on.
fn fail_later<'s>(
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

/// Sockets that handles are being connected to. Each is open until then.
#[derive(Default)]
struct Connecting {
    last: u32,
    sockets: HashMap<u32, (PinnedPath, Option<FdReservation>)>,
}

impl Connecting {
    fn add(&mut self, held: PinnedPath, counted: Option<FdReservation>) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.sockets.insert(self.last, (held, counted));
        self.last
    }

    fn remove(&mut self, number: u32) {
        self.sockets.remove(&number);
    }
}

fn forget(scope: &mut v8::PinScope<'_, '_>, number: v8::Local<'_, v8::Value>) {
    if let Some(number) = number.uint32_value(scope) {
        let state = JsRuntime::op_state_from(scope);
        state.borrow_mut().borrow_mut::<Connecting>().remove(number);
    }
}

/// Called when a handle has been closed.
pub(super) fn closed<'s>(scope: &mut v8::PinScope<'s, '_>, handle: v8::Local<'s, v8::Object>) {
    let state = JsRuntime::op_state_from(scope);
    SocketFiles::remove_closed(&mut state.borrow_mut());
    let number = mark(scope, CONNECTING).and_then(|mark| handle.get_private(scope, mark));
    if let Some(number) = number.filter(|number| number.is_uint32()) {
        forget(scope, number);
    }
}

fn bind<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::of(&arguments) else { return };
    if !unix_sockets::is_address_allowed(scope, &mut call.arguments, 0) {
        return;
    }
    let path = match address_at(scope, &call.arguments, 0) {
        Some(Address::Path(path)) => path,
        Some(Address::Other) => {
            if let Some(code) = call_to_open(scope, &mut call, 0) {
                answer.set_int32(code);
            }
            return;
        }
        None => return answer.set_int32(INVALID),
    };
    let Some(kind) = call.pass(scope, KIND, &[]) else { return };
    if kind.int32_value(scope) != Some(SERVER) {
        // The engine would connect it to another path.
        return answer.set_int32(INVALID);
    }
    if let Some(code) = listen_at(scope, &call, &path) {
        answer.set_int32(code);
    }
}

/// Makes a socket at a path, and hands it to the handle. `None` when an error was thrown.
fn listen_at<'s>(scope: &mut v8::PinScope<'s, '_>, call: &Call<'s>, path: &Path) -> Option<i32> {
    if !has_room(scope) {
        return Some(TOO_MANY);
    }
    let state = JsRuntime::op_state_from(scope);
    let made = {
        let mut state = state.borrow_mut();
        let path = unix_sockets::check(&mut state, path.into(), "node:net.Server.listen()");
        path.map(|path| SocketFiles::listen(&mut state, &path))
    };
    let socket = match made {
        Err(error) => {
            throw_js_error_class(scope, &error);
            return None;
        }
        Ok(Err(error)) => return Some(answer_of(&error)),
        Ok(Ok(listener)) => listener.into_raw_fd(),
    };
    FdGuard::of(&state.borrow()).offer(socket);
    let number = v8::Integer::new(scope, socket).into();
    let code = call.pass(scope, OPEN, &[number]).and_then(|code| code.int32_value(scope));
    if code != Some(0) {
        // SAFETY: the handle has not taken it, so that nothing else closes it.
        drop(unsafe { OwnedFd::from_raw_fd(socket) });
    }
    code
}

/// All users may read from the socket, or write to it.
fn allow<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    const READ_AND_WRITE: u32 = 0o666;
    let Some(mode) = arguments.get(0).uint32_value(scope) else { return };
    let Some(socket) = get(scope, arguments.this(), "fd") else { return };
    let Some(socket) = socket.int32_value(scope) else { return };
    let state = JsRuntime::op_state_from(scope);
    let state = state.borrow();
    let allowed = state.borrow::<SocketFiles>().add_mode(socket, mode & READ_AND_WRITE);
    answer.set_int32(allowed.err().map_or(0, |error| answer_of(&error)));
}
