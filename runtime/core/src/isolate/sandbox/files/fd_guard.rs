//! Keeps the application's file descriptors out of a script's reach.
//!
//! A descriptor is a number, and any number may be one of the application's. So each isolate lists the descriptors
//! that were opened for its script. Only these can be taken over by a handle (`handles`), passed to a child
//! (`spawn`) or sent to a child. A listed descriptor that is still open is closed with the isolate.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, op2};
use deno_runtime::deno_io::FdTable;

use super::open_files::{FdReservation, Identity, OpenFiles, next_isolate_id};

/// The descriptors of one isolate.
#[derive(Clone)]
pub(crate) struct FdGuard(Rc<IsolateFds>);

struct IsolateFds {
    id: u64,
    process: Arc<OpenFiles>,
    /// Descriptors that only Node's handles own. Handles do not close them if the isolate ends in the middle of an
    /// operation.
    tracked: RefCell<HashMap<i32, Identity>>,
    /// The descriptors in `tracked` that a handle may take over, each once.
    offered: RefCell<HashSet<i32>>,
    /// Number of handles with a socket.
    handle_count: Cell<usize>,
    state: RefCell<Weak<RefCell<OpState>>>,
}

thread_local! {
    /// The descriptors of this thread's isolate.
    static CURRENT: RefCell<Weak<IsolateFds>> = const { RefCell::new(Weak::new()) };
}

impl FdGuard {
    /// Called on the isolate's thread.
    pub(crate) fn new(process: Arc<OpenFiles>) -> Self {
        let isolate = Rc::new(IsolateFds {
            id: next_isolate_id(),
            process,
            tracked: RefCell::default(),
            offered: RefCell::default(),
            handle_count: Cell::default(),
            state: RefCell::default(),
        });
        CURRENT.set(Rc::downgrade(&isolate));
        Self(isolate)
    }

    /// Sets the state that has the isolate's resources.
    pub(crate) fn set_state(&self, state: &Rc<RefCell<OpState>>) {
        self.0.state.replace(Rc::downgrade(state));
    }

    pub(crate) fn of(state: &OpState) -> &Self {
        state.borrow::<Self>()
    }

    /// Lists a descriptor that was opened for the script and that nothing else closes.
    pub(crate) fn track(&self, number: i32) {
        if let Some(identity) = self.0.process.track(number) {
            self.0.tracked.borrow_mut().insert(number, identity);
        }
    }

    /// Lists a descriptor that a handle may take over.
    pub(crate) fn offer(&self, number: i32) {
        self.track(number);
        self.0.offered.borrow_mut().insert(number);
    }

    /// Takes a descriptor over for a handle. `false` if it was not offered.
    pub(crate) fn take_offered(&self, number: i32) -> bool {
        let is_offered = self.0.offered.borrow_mut().remove(&number);
        // Other systems do not provide the identity of a descriptor.
        is_offered && (cfg!(not(unix)) || self.owns(number))
    }

    /// Whether the descriptor was opened for the script and is still open.
    pub(crate) fn owns(&self, number: i32) -> bool {
        let identity = self.0.tracked.borrow().get(&number).copied();
        identity.is_some_and(|identity| Identity::of(number) == Some(identity))
    }

    /// Sets the number of handles with a socket.
    pub(crate) fn set_handle_count(&self, count: usize) {
        self.0.handle_count.set(count);
    }

    /// Fails if `more` further descriptors exceed the limit.
    pub(crate) fn ensure_room(state: &OpState, more: usize) -> io::Result<()> {
        let Self(isolate) = Self::of(state);
        isolate
            .process
            .set_untracked(isolate.id, isolate.handle_count.get() + count_resources(state));
        isolate.process.ensure_room(more)
    }
}

impl IsolateFds {
    /// Fails if `more` further descriptors exceed the limit. Resources are not counted inside an op that borrows the
    /// state.
    fn ensure_room(&self, more: usize) -> io::Result<()> {
        let state = self.state.borrow().upgrade();
        let resources = state.and_then(|state| Some(count_resources(&*state.try_borrow().ok()?)));
        self.process
            .set_untracked(self.id, self.handle_count.get() + resources.unwrap_or_default());
        self.process.ensure_room(more)
    }
}

impl Drop for IsolateFds {
    /// Closes the listed descriptors that are still open.
    fn drop(&mut self) {
        self.process.remove_isolate(self.id);
        for (number, identity) in self.tracked.get_mut().drain() {
            // A different identity: the descriptor was closed, and the number may belong to the application now.
            if Identity::of(number) == Some(identity) {
                close(number);
            }
        }
    }
}

/// Fails if this thread's isolate may not open one more file.
pub(crate) fn ensure_room_for_file() -> io::Result<()> {
    match CURRENT.with_borrow(Weak::upgrade) {
        Some(isolate) => isolate.ensure_room(1),
        None => Ok(()),
    }
}

/// Counts one descriptor of this thread's isolate until the result is dropped.
pub(crate) fn reserve_fd() -> io::Result<Option<FdReservation>> {
    let Some(isolate) = CURRENT.with_borrow(Weak::upgrade) else { return Ok(None) };
    isolate.ensure_room(1)?;
    Ok(Some(isolate.process.reserve()))
}

/// Counts a file that this thread's isolate has opened and will close.
pub(crate) fn track_opened_file(number: i32) {
    if let Some(isolate) = CURRENT.with_borrow(Weak::upgrade) {
        isolate.process.track(number);
    }
}

/// Number of resources that have a descriptor with an unknown number.
fn count_resources(state: &OpState) -> usize {
    const NAMES: [&str; 25] = [
        "child",
        "childStderr",
        "childStdin",
        "childStdout",
        "database",
        "fetchRequest",
        "fetchResponse",
        "fsEvents",
        "http",
        "httpConn",
        "nodeUdpSocket",
        "serverWebSocket",
        "tcpListener",
        "tcpStream",
        "tlsListener",
        "tlsStream",
        "tunnelListener",
        "tunnelStream",
        "udpSocket",
        "unixDatagram",
        "unixListener",
        "unixStream",
        "vsockListener",
        "vsockStream",
        "webSocketStream",
    ];
    let names = state.resource_table.names();
    names.filter(|(_, name)| NAMES.binary_search(&name.as_ref()).is_ok()).count()
}

/// Whether a script may use the descriptor: it belongs to a file that the script opened, or is listed.
pub(crate) fn is_owned(state: &OpState, number: i32) -> bool {
    number > 2 && (is_owned_file(state, number) || FdGuard::of(state).owns(number))
}

fn is_owned_file(state: &OpState, number: i32) -> bool {
    let Some(file) = state.borrow::<FdTable>().get(number) else { return false };
    // The entry in the table may be stale, so compare with the descriptor of the file.
    !cfg!(unix) || file.clone().backing_fd().is_some_and(|own| same(own, number))
}

#[cfg(unix)]
fn same(own: i32, number: i32) -> bool {
    own == number
}

#[cfg(not(unix))]
fn same<T>(_: T, _: i32) -> bool {
    true
}

pub(crate) fn not_owned_error() -> JsErrorBox {
    JsErrorBox::new(
        "NotSupported",
        "An embedded script has no terminal, no node:wasi, and no file descriptors but those it \
         opened itself; a child process has: runtime \"deno\"",
    )
}

/// Replaces `op_tty_check_fd_permission`, which `node:tty` calls.
#[op2(fast)]
pub(crate) fn op_host_check_fd(
    state: &mut OpState,
    #[smi] descriptor: i32,
) -> Result<(), JsErrorBox> {
    if is_owned(state, descriptor) { Ok(()) } else { Err(not_owned_error()) }
}

/// Steps that the engine's modules report; the numbers stand in `module_patches`.
mod step {
    /// One more descriptor is about to be opened.
    pub(crate) const CHECK: i32 = 0;
    /// A descriptor is about to be sent to a child. It must be a duplicate that was made for this.
    pub(crate) const SEND: i32 = 3;
    /// A child has sent a descriptor.
    pub(crate) const RECEIVED: i32 = 4;
}

/// Replaces `op_require_break_on_next_statement`, which only an inspector needs.
#[op2(nofast)]
#[smi]
pub(crate) fn op_host_fd_step(
    state: &mut OpState,
    #[smi] step: i32,
    #[smi] number: i32,
) -> Result<i32, JsErrorBox> {
    match step {
        step::CHECK => FdGuard::ensure_room(state, 1).map_err(JsErrorBox::from_err)?,
        step::RECEIVED => FdGuard::of(state).offer(number),
        step::SEND if FdGuard::of(state).owns(number) => {}
        _ => return Err(not_owned_error()),
    }
    Ok(number)
}

/// Ignored: the flags of a descriptor are shared with the application.
#[op2(fast)]
#[smi]
pub(crate) fn op_host_set_blocking(_descriptor: i32, _is_blocking: bool) -> i32 {
    0
}

/// Creates a pipe. Returns the reading end and the writing end.
#[cfg(unix)]
#[op2]
#[serde]
pub(crate) fn op_host_create_pipe(state: &mut OpState) -> Result<(i32, i32), JsErrorBox> {
    use std::os::fd::IntoRawFd;
    FdGuard::ensure_room(state, 2).map_err(JsErrorBox::from_err)?;
    let (reader, writer) = io::pipe().map_err(JsErrorBox::from_err)?;
    let pair = (reader.into_raw_fd(), writer.into_raw_fd());
    let descriptors = FdGuard::of(state);
    descriptors.offer(pair.0);
    descriptors.offer(pair.1);
    Ok(pair)
}

#[cfg(not(unix))]
#[op2]
#[serde]
pub(crate) fn op_host_create_pipe() -> Result<(i32, i32), JsErrorBox> {
    Err(not_owned_error())
}

#[cfg(unix)]
fn close(number: i32) {
    // Fails only if the descriptor is closed already.
    let _ = nix::unistd::close(number);
}

#[cfg(not(unix))]
fn close(_: i32) {}
