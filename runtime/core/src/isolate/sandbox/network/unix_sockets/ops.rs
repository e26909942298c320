//! Replacements of Deno's ops for Unix sockets: they check abstract names, and use pinned paths.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::ResourceError;
use deno_runtime::deno_core::{CancelTryFuture, OpState, RcRef, Resource, ResourceId, op2};
use deno_runtime::deno_net::check_unix_socket_path;
use deno_runtime::deno_net::io::UnixStreamResource;
use deno_runtime::deno_net::ops::NetError;
use deno_runtime::deno_net::ops_unix::{UnixListenerWithPath, unix_socket_addr_path};
use deno_runtime::deno_net::raw::NetworkListenerResource;
use deno_runtime::deno_permissions::{CheckedPath, OpenAccessKind, PermissionsContainer};
use tokio::net::{UnixListener, UnixStream};

use super::files::SocketFiles;
use super::{check_abstract_name, connect};

/// A connection as a script sees it: resource, local address, remote address.
type Connection = (ResourceId, Option<String>, Option<String>);

/// Fails unless the script may use the socket with this path or abstract name.
pub(crate) fn check<'a>(
    state: &mut OpState,
    path: Cow<'a, Path>,
    api_name: &str,
) -> Result<CheckedPath<'a>, JsErrorBox> {
    check_abstract_name(state, &path.to_string_lossy(), api_name)?;
    let permissions = state.borrow_mut::<PermissionsContainer>();
    let kind = OpenAccessKind::ReadWriteNoFollow;
    check_unix_socket_path(permissions, path, kind, Some(api_name)).map_err(JsErrorBox::from_err)
}

#[op2(stack_trace)]
pub(crate) async fn op_host_connect_unix(
    state: Rc<RefCell<OpState>>,
    #[string] address: String,
) -> Result<Connection, JsErrorBox> {
    let is_name = address.starts_with('\0');
    let path = Cow::Owned(PathBuf::from(address));
    let path = check(&mut state.borrow_mut(), path, "Deno.connect()")?;
    let stream = if is_name {
        UnixStream::connect(path).await
    } else {
        connect(&path).and_then(UnixStream::from_std)
    };
    let stream = stream.map_err(JsErrorBox::from_err)?;
    connected(&mut state.borrow_mut(), stream)
}

fn connected(state: &mut OpState, stream: UnixStream) -> Result<Connection, JsErrorBox> {
    let local = stream.local_addr().map_err(JsErrorBox::from_err)?;
    let remote = stream.peer_addr().map_err(JsErrorBox::from_err)?;
    let local = unix_socket_addr_path(&local).map_err(JsErrorBox::from_err)?;
    let remote = unix_socket_addr_path(&remote).map_err(JsErrorBox::from_err)?;
    let resource = UnixStreamResource::new(stream.into_split());
    Ok((state.resource_table.add(resource), local, remote))
}

#[op2(stack_trace)]
pub(crate) fn op_host_listen_unix(
    state: &mut OpState,
    #[string] address: &str,
    #[string] api_name: &str,
) -> Result<(ResourceId, Option<String>), JsErrorBox> {
    let path = check(state, Path::new(address).into(), &format!("{api_name}()"))?;
    let listener = if address.starts_with('\0') {
        UnixListener::bind(&path)
    } else {
        SocketFiles::listen(state, &path).and_then(|listener| {
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener)
        })
    };
    let listener = listener.map_err(JsErrorBox::from_err)?;
    let local = listener.local_addr().map_err(JsErrorBox::from_err)?;
    let local = unix_socket_addr_path(&local).map_err(JsErrorBox::from_err)?;
    // With the real path Deno would remove any file there when the listener is closed.
    let listener = UnixListenerWithPath::new(listener, PathBuf::from(NO_PATH));
    Ok((state.resource_table.add(NetworkListenerResource::new(listener)), local))
}

/// A path that no file can have.
const NO_PATH: &str = "\0";

#[op2]
pub(crate) async fn op_host_accept_unix(
    state: Rc<RefCell<OpState>>,
    #[smi] rid: ResourceId,
) -> Result<Connection, JsErrorBox> {
    let accepted = accept(&state, rid).await;
    let mut state = state.borrow_mut();
    if accepted.is_err() {
        SocketFiles::remove_closed(&mut state);
    }
    connected(&mut state, accepted.map_err(JsErrorBox::from_err)?)
}

async fn accept(state: &RefCell<OpState>, rid: ResourceId) -> Result<UnixStream, NetError> {
    let resource = state
        .borrow()
        .resource_table
        .get::<NetworkListenerResource<UnixListenerWithPath>>(rid)
        .map_err(|_| NetError::ListenerClosed)?;
    let listener = RcRef::map(&resource, |resource| &resource.listener)
        .try_borrow_mut()
        .ok_or(NetError::ListenerBusy)?;
    let cancel = RcRef::map(resource, |resource| &resource.cancel);
    let accepted = listener.accept().try_or_cancel(cancel).await;
    accepted.map(|(stream, _)| stream).map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted => NetError::ListenerClosed,
        _ => NetError::Io(error),
    })
}

#[op2(fast)]
#[allow(clippy::needless_pass_by_value, reason = "an op gets these by value")]
pub(crate) fn op_host_close(
    state: Rc<RefCell<OpState>>,
    #[smi] rid: ResourceId,
) -> Result<(), ResourceError> {
    close(&state, rid)
}

fn close(state: &Rc<RefCell<OpState>>, rid: ResourceId) -> Result<(), ResourceError> {
    let resource = state.borrow_mut().resource_table.take_any(rid);
    let closed = resource.map(Resource::close);
    SocketFiles::remove_closing(state);
    closed
}

#[op2(fast)]
#[allow(clippy::needless_pass_by_value, reason = "an op gets these by value")]
pub(crate) fn op_host_try_close(state: Rc<RefCell<OpState>>, #[smi] rid: ResourceId) {
    // A closed resource is no error.
    let _ = close(&state, rid);
}
