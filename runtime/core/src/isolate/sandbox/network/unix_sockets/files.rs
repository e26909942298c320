//! The files of listening sockets, created and removed in the checked folder.
//!
//! Deno and libuv store the path of a socket and remove the file at that path when the socket is closed. By then the
//! path may lead elsewhere: the script may have renamed a folder or changed its working directory. So the folder
//! stays open as long as the socket, and only the socket's own file is removed.

use std::cell::RefCell;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use deno_runtime::deno_core::OpState;
use deno_runtime::deno_core::unsync::spawn;
use deno_runtime::deno_permissions::CheckedPath;
use nix::errno::Errno;
use nix::libc;

use crate::isolate::sandbox::files::fd_guard;
use crate::isolate::sandbox::files::open_files::{FdReservation, Identity};
use crate::isolate::sandbox::files::sandbox_fs::{
    PinnedPath, pin_socket_to_bind, pin_socket_to_connect,
};
use crate::isolate::sandbox::permissions::special_files;

/// The file of one socket.
struct SocketFile {
    path: PinnedPath,
    identity: (u64, u64),
    socket: i32,
    socket_identity: Option<Identity>,
    /// Counts the descriptor of the open folder.
    _reservation: Option<FdReservation>,
}

impl SocketFile {
    /// Without identities of descriptors the file stays until the isolate ends.
    fn is_open(&self) -> bool {
        self.socket_identity.is_none_or(|was| Identity::of(self.socket) == Some(was))
    }

    fn is_there(&self) -> bool {
        fs::symlink_metadata(self.path.path()).is_ok_and(|found| identity(&found) == self.identity)
    }

    /// Adds bits to the mode of the file. The file is opened first, as a link could replace it.
    fn add_mode(&self, mode: u32) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        let file = {
            use std::os::unix::fs::OpenOptionsExt;

            let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_NOFOLLOW;
            let mut options = fs::OpenOptions::new();
            options.read(true).custom_flags(flags.bits()).open(self.path.path())?
        };
        #[cfg(target_os = "linux")]
        let (found, path) = (file.metadata()?, format!("/proc/self/fd/{}", file.as_raw_fd()));
        #[cfg(not(target_os = "linux"))]
        let (found, path) = (fs::symlink_metadata(self.path.path())?, self.path.path());
        if identity(&found) != self.identity {
            return Err(ErrorKind::NotFound.into());
        }
        fs::set_permissions(path, fs::Permissions::from_mode(found.permissions().mode() | mode))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_there() {
            // Fails if the folder has become read-only.
            let _ = fs::remove_file(self.path.path());
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// The files of an isolate's sockets.
#[derive(Default)]
pub(crate) struct SocketFiles {
    list: Vec<SocketFile>,
    /// Whether another check is scheduled.
    is_check_scheduled: bool,
}

/// Delay of the second check: a server of the engine closes its socket asynchronously.
const CLOSE_DELAY: Duration = Duration::from_millis(50);

impl SocketFiles {
    /// Listens at a checked path. The file is removed with the socket.
    pub(crate) fn listen(state: &mut OpState, path: &CheckedPath) -> io::Result<UnixListener> {
        Self::remove_closed(state);
        let reservation = fd_guard::reserve_fd()?;
        let pinned = pin_socket_to_bind(path)?;
        let listener = bind(path, pinned.path())?;
        // The path may have led elsewhere during the bind.
        let made = fs::symlink_metadata(pinned.path()).ok();
        let Some(made) = made.filter(|made| made.file_type().is_socket()) else {
            return Err(io::Error::new(
                ErrorKind::PermissionDenied,
                "a folder in the path was replaced while the path was used",
            ));
        };
        let socket = listener.as_raw_fd();
        let file = SocketFile {
            path: pinned,
            identity: identity(&made),
            socket,
            socket_identity: Identity::of(socket),
            _reservation: reservation,
        };
        state.borrow_mut::<Self>().list.push(file);
        Ok(listener)
    }

    /// Adds bits to the mode of a socket's file.
    pub(crate) fn add_mode(&self, socket: i32, mode: u32) -> io::Result<()> {
        let file = self.list.iter().find(|file| file.socket == socket && file.is_open());
        file.ok_or(Errno::EBADF)?.add_mode(mode)
    }

    /// Removes the files of closed sockets.
    pub(crate) fn remove_closed(state: &mut OpState) {
        if let Some(files) = state.try_borrow_mut::<Self>() {
            files.list.retain(SocketFile::is_open);
        }
    }

    /// Removes the files of closed sockets now, and again after pending closes.
    pub(crate) fn remove_closing(state: &Rc<RefCell<OpState>>) {
        let mut borrowed = state.borrow_mut();
        Self::remove_closed(&mut borrowed);
        let Some(files) = borrowed.try_borrow_mut::<Self>() else { return };
        if files.list.is_empty() || std::mem::replace(&mut files.is_check_scheduled, true) {
            return;
        }
        let state = Rc::downgrade(state);
        drop(spawn(async move {
            tokio::time::sleep(CLOSE_DELAY).await;
            let Some(state) = state.upgrade() else { return };
            let mut state = state.borrow_mut();
            Self::remove_closed(&mut state);
            state.borrow_mut::<Self>().is_check_scheduled = false;
        }));
    }
}

/// Binds by the checked path, which peers see. A path that is too long for the system is bound through its folder.
fn bind(path: &CheckedPath, pinned: &Path) -> io::Result<UnixListener> {
    let name = special_files::original(path);
    match UnixListener::bind(name.as_deref().unwrap_or(path)) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => UnixListener::bind(pinned),
        bound => bound,
    }
}

/// Connects to a socket at a checked path. The stream is non-blocking. Fails without waiting if the backlog of the
/// socket is full.
pub(crate) fn connect(path: &CheckedPath) -> io::Result<UnixStream> {
    let pinned = pin_socket_to_connect(path)?;
    let stream = new_socket()?;
    let (address, length) = address(pinned.path())?;
    // SAFETY: `address` is an initialized `sockaddr_un` of `length` bytes, and `stream` owns the open socket.
    let done = unsafe { libc::connect(stream.as_raw_fd(), (&raw const address).cast(), length) };
    if done == 0 { Ok(stream) } else { Err(io::Error::last_os_error()) }
}

fn new_socket() -> io::Result<UnixStream> {
    // SAFETY: `socket` takes no pointers.
    let number = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | FLAGS, 0) };
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `number` is an open descriptor that `socket` has just returned, and nothing else owns it.
    let stream = UnixStream::from(unsafe { OwnedFd::from_raw_fd(number) });
    #[cfg(not(target_os = "linux"))]
    nix::fcntl::fcntl(&stream, nix::fcntl::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

#[cfg(target_os = "linux")]
const FLAGS: libc::c_int = libc::SOCK_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const FLAGS: libc::c_int = 0;

fn address(path: &Path) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    // SAFETY: `sockaddr_un` consists of integers, for which zero is valid.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    let bytes = path.as_os_str().as_bytes();
    // The address needs a terminating zero.
    if bytes.len() >= address.sun_path.len() || bytes.contains(&0) {
        return Err(Errno::EINVAL.into());
    }
    address.sun_family = libc::AF_UNIX.try_into().map_err(|_| Errno::EINVAL)?;
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(|_| Errno::EINVAL)?;
    Ok((address, length))
}
