//! Ops that change or lock an open file.
//!
//! Deno checks the permission to write only when a file is opened for writing. But mode, owner and times can be
//! changed through a descriptor that was opened for reading, so these ops check the permission again. Locks are
//! polled, because a kill could not interrupt the system's wait.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, ResourceId, op2};
use deno_runtime::deno_io::FdTable;
use deno_runtime::deno_io::fs::FileResource;
use deno_runtime::deno_io::fs::{File, FsError};
use deno_runtime::deno_permissions::{OpenAccessKind, PermissionsContainer};

use crate::isolate::limits::control::Control;

/// The file of a descriptor. Fails without the permission to write it.
fn changeable(state: &OpState, descriptor: i32, api_name: &str) -> Result<Rc<dyn File>, FsError> {
    let file = state.borrow::<FdTable>().get(descriptor).cloned();
    let file = file.ok_or_else(|| FsError::Io(io::Error::from_raw_os_error(EBADF)))?;
    if let Some(path) = file.maybe_path() {
        // The checked path is not used: the file is open already.
        let _ = state
            .borrow::<PermissionsContainer>()
            .check_open(Cow::Borrowed(path), OpenAccessKind::WriteNoFollow, Some(api_name))
            .map_err(FsError::PermissionCheck)?;
    }
    Ok(file)
}

/// Interval between two attempts to lock a file.
const LOCK_AGAIN: Duration = Duration::from_millis(5);

/// Waits for a lock by polling, so that a kill can end the wait.
#[op2(fast)]
pub(crate) fn op_host_flock_sync(
    state: &mut OpState,
    #[smi] rid: ResourceId,
    exclusive: bool,
) -> Result<(), JsErrorBox> {
    let file = FileResource::get_file(state, rid).map_err(JsErrorBox::from_err)?;
    let control = state.borrow::<Arc<Control>>();
    while !file.clone().try_lock_sync(exclusive).map_err(JsErrorBox::from_err)? {
        if control.is_end_requested() {
            return Err(JsErrorBox::new("Interrupted", "the wait for a lock was interrupted"));
        }
        std::thread::sleep(LOCK_AGAIN);
    }
    Ok(())
}

/// The same number on every system.
const EBADF: i32 = 9;

#[op2(fast, stack_trace)]
pub(crate) fn op_host_fchmod_sync(
    state: &mut OpState,
    descriptor: i32,
    #[smi] mode: u32,
) -> Result<(), FsError> {
    changeable(state, descriptor, "node:fs.fchmodSync")?.chmod_sync(mode)
}

#[op2(stack_trace)]
pub(crate) async fn op_host_fchmod(
    state: Rc<RefCell<OpState>>,
    descriptor: i32,
    #[smi] mode: u32,
) -> Result<(), FsError> {
    let file = changeable(&state.borrow(), descriptor, "node:fs.fchmod")?;
    file.chmod_async(mode).await
}

#[op2(fast, stack_trace)]
pub(crate) fn op_host_fchown_sync(
    state: &mut OpState,
    descriptor: i32,
    #[smi] uid: u32,
    #[smi] gid: u32,
) -> Result<(), FsError> {
    changeable(state, descriptor, "node:fs.fchownSync")?.chown_sync(Some(uid), Some(gid))
}

#[op2(stack_trace)]
pub(crate) async fn op_host_fchown(
    state: Rc<RefCell<OpState>>,
    descriptor: i32,
    #[smi] uid: u32,
    #[smi] gid: u32,
) -> Result<(), FsError> {
    let file = changeable(&state.borrow(), descriptor, "node:fs.fchown")?;
    file.chown_async(Some(uid), Some(gid)).await
}

#[op2(fast, stack_trace)]
pub(crate) fn op_host_futimes_sync(
    state: &mut OpState,
    descriptor: i32,
    #[number] accessed: i64,
    #[smi] accessed_nanos: u32,
    #[number] modified: i64,
    #[smi] modified_nanos: u32,
) -> Result<(), FsError> {
    changeable(state, descriptor, "node:fs.futimesSync")?.utime_sync(
        accessed,
        accessed_nanos,
        modified,
        modified_nanos,
    )
}

#[op2(stack_trace)]
pub(crate) async fn op_host_futimes(
    state: Rc<RefCell<OpState>>,
    descriptor: i32,
    #[number] accessed: i64,
    #[smi] accessed_nanos: u32,
    #[number] modified: i64,
    #[smi] modified_nanos: u32,
) -> Result<(), FsError> {
    let file = changeable(&state.borrow(), descriptor, "node:fs.futimes")?;
    file.utime_async(accessed, accessed_nanos, modified, modified_nanos).await
}
