//! Deno's ops for Unix sockets, which check a name without a path too.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, ResourceId, op2};
use deno_runtime::deno_net::check_unix_socket_path;
use deno_runtime::deno_net::io::UnixStreamResource;
use deno_runtime::deno_net::ops_unix::{UnixListenerWithPath, unix_socket_addr_path};
use deno_runtime::deno_net::raw::NetworkListenerResource;
use deno_runtime::deno_permissions::{CheckedPath, OpenAccessKind, PermissionsContainer};
use tokio::net::{UnixListener, UnixStream};

use super::check_name;

/// A socket as a script sees it: its number, its own address and, for a connection, the other one.
type Connection = (ResourceId, Option<String>, Option<String>);

fn check<'a>(
    state: &mut OpState,
    path: Cow<'a, Path>,
    api_name: &str,
) -> Result<CheckedPath<'a>, JsErrorBox> {
    check_name(state, &path.to_string_lossy(), api_name)?;
    let permissions = state.borrow_mut::<PermissionsContainer>();
    let kind = OpenAccessKind::ReadWriteNoFollow;
    check_unix_socket_path(permissions, path, kind, Some(api_name)).map_err(JsErrorBox::from_err)
}

#[op2(stack_trace)]
pub(in crate::isolate) async fn op_host_connect_unix(
    state: Rc<RefCell<OpState>>,
    #[string] address: String,
) -> Result<Connection, JsErrorBox> {
    let path = Cow::Owned(PathBuf::from(address));
    let path = check(&mut state.borrow_mut(), path, "Deno.connect()")?;
    let stream = UnixStream::connect(path).await.map_err(JsErrorBox::from_err)?;
    let local = stream.local_addr().map_err(JsErrorBox::from_err)?;
    let remote = stream.peer_addr().map_err(JsErrorBox::from_err)?;
    let local = unix_socket_addr_path(&local).map_err(JsErrorBox::from_err)?;
    let remote = unix_socket_addr_path(&remote).map_err(JsErrorBox::from_err)?;
    let resource = UnixStreamResource::new(stream.into_split());
    Ok((state.borrow_mut().resource_table.add(resource), local, remote))
}

#[op2(stack_trace)]
pub(in crate::isolate) fn op_host_listen_unix(
    state: &mut OpState,
    #[string] address: &str,
    #[string] api_name: &str,
) -> Result<(ResourceId, Option<String>), JsErrorBox> {
    let path = check(state, Path::new(address).into(), &format!("{api_name}()"))?;
    let listener = UnixListener::bind(&path).map_err(JsErrorBox::from_err)?;
    let local = listener.local_addr().map_err(JsErrorBox::from_err)?;
    let local = unix_socket_addr_path(&local).map_err(JsErrorBox::from_err)?;
    let listener = UnixListenerWithPath::new(listener, path.into_owned_path());
    Ok((state.resource_table.add(NetworkListenerResource::new(listener)), local))
}
