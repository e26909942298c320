//! `backup` of `node:sqlite`.
//!
//! Deno's own loop stops neither when its process has to end, nor when the progress callback closes the source.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{CString, c_int};
use std::path::Path;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use deno_error::JsError;
use deno_runtime::deno_core::{OpState, op2, v8};
use deno_runtime::deno_permissions::{OpenAccessKind, PermissionCheckError, PermissionsContainer};
use libsqlite3_sys as sqlite;

use super::calls::{OpenDatabase, open_database};
use super::errors::Error;
use super::options::get;
use crate::isolate::limits::control::Control;
use crate::isolate::sandbox::files::fd_guard;
use crate::isolate::sandbox::objects;

/// Pages copied per step by default. The progress callback runs after each step.
const PAGES_PER_STEP: c_int = 100;

/// The delay before the next attempt if another connection holds a lock.
const RETRY_DELAY: Duration = Duration::from_millis(5);

#[derive(Debug, thiserror::Error, JsError)]
pub(crate) enum BackupError {
    #[class(inherit)]
    #[error(transparent)]
    Permission(#[from] PermissionCheckError),
    #[class(inherit)]
    #[error(transparent)]
    Files(#[from] std::io::Error),
    #[class(inherit)]
    #[error(transparent)]
    Database(#[from] Error),
    #[class("Interrupted")]
    #[error("the backup was interrupted because its process ends")]
    Interrupted,
}

struct Options<'s> {
    source: CString,
    target: CString,
    rate: c_int,
    progress: Option<v8::Local<'s, v8::Function>>,
}

impl<'s> Options<'s> {
    /// Reads options that Deno's module has validated. Returns `None` if a getter throws.
    fn from_value(
        scope: &mut v8::PinScope<'s, '_>,
        given: v8::Local<'s, v8::Value>,
    ) -> Option<Self> {
        let main = || c"main".to_owned();
        let mut options =
            Self { source: main(), target: main(), rate: PAGES_PER_STEP, progress: None };
        let Ok(given) = v8::Local::<v8::Object>::try_from(given) else { return Some(options) };
        for (name, field) in [("source", &mut options.source), ("target", &mut options.target)] {
            let value = get(scope, given, name)?;
            if value.is_string() {
                *field = CString::new(value.to_rust_string_lossy(scope)).unwrap_or_default();
            }
        }
        let rate = get(scope, given, "rate")?;
        if rate.is_number() {
            options.rate = rate.int32_value(scope)?;
        }
        options.progress = get(scope, given, "progress")?.try_into().ok();
        Some(options)
    }
}

/// A connection to the destination database.
struct Target(*mut sqlite::sqlite3);

impl Target {
    fn open(path: &Path) -> Result<Self, BackupError> {
        fd_guard::ensure_room_for_file()?;
        let name = CString::new(path.as_os_str().as_encoded_bytes()).unwrap_or_default();
        let flags = sqlite::SQLITE_OPEN_READWRITE | sqlite::SQLITE_OPEN_CREATE;
        let mut handle = ptr::null_mut();
        // SAFETY: `name` is NUL-terminated, `handle` is writable, and a null VFS selects the default. `Target` closes the
        // handle, also after an error.
        let code =
            unsafe { sqlite::sqlite3_open_v2(name.as_ptr(), &raw mut handle, flags, ptr::null()) };
        let target = Self(handle);
        if code != sqlite::SQLITE_OK {
            return Err(Error::of(handle, code).into());
        }
        Ok(target)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // SAFETY: `Target` owns the connection, and `Backup`, its only user, is dropped first. Null is allowed.
        unsafe { sqlite::sqlite3_close(self.0) };
    }
}

/// A backup in progress.
struct Backup(*mut sqlite::sqlite3_backup);

impl Drop for Backup {
    fn drop(&mut self) {
        // SAFETY: `Backup` owns the backup. Both databases are open: `back_up` drops the target later, and its caller has
        // marked the source as in use. Null is allowed.
        unsafe { sqlite::sqlite3_backup_finish(self.0) };
    }
}

/// Replaces `op_node_database_backup`.
#[op2(reentrant, stack_trace)]
#[smi]
#[allow(clippy::needless_pass_by_value, reason = "ops take the state by value")]
pub(crate) fn op_host_backup<'s>(
    state: Rc<RefCell<OpState>>,
    scope: &mut v8::PinScope<'s, '_>,
    source: v8::Local<'s, v8::Value>,
    #[string] path: &str,
    options: v8::Local<'s, v8::Value>,
) -> Result<Option<i32>, BackupError> {
    let open = open_database(scope, source).ok_or(Error::Closed)?;
    open.connection.ensure_usable()?;
    let control = state.borrow().borrow::<Arc<Control>>().clone();
    let mut result = Ok(None);
    let called = open.connection.run(scope, |scope| {
        let options = Options::from_value(scope, options)?;
        result = back_up(&state, scope, &control, &open, path, &options);
        Some(v8::undefined(scope).into())
    });
    // If there is no result, an exception is pending.
    if called.is_some() { result } else { Ok(None) }
}

fn back_up(
    state: &Rc<RefCell<OpState>>,
    scope: &mut v8::PinScope<'_, '_>,
    control: &Control,
    source: &OpenDatabase,
    path: &str,
    options: &Options<'_>,
) -> Result<Option<i32>, BackupError> {
    let path = {
        let mut state = state.borrow_mut();
        let permissions = state.borrow_mut::<PermissionsContainer>();
        let path = Cow::Borrowed(Path::new(path));
        permissions.check_open(path, OpenAccessKind::Write, Some("node:sqlite.backup"))?
    };
    let target = Target::open(&path)?;
    // SAFETY: both databases are open and the names are NUL-terminated. `close` of the source fails until `run` of its
    // connection, which calls this function, returns.
    let backup = Backup(unsafe {
        sqlite::sqlite3_backup_init(
            target.0,
            options.target.as_ptr(),
            source.handle,
            options.source.as_ptr(),
        )
    });
    if backup.0.is_null() {
        // SAFETY: the target is open.
        let code = unsafe { sqlite::sqlite3_errcode(target.0) };
        return Err(Error::of(target.0, code).into());
    }
    loop {
        if control.is_end_requested() {
            return Err(BackupError::Interrupted);
        }
        // SAFETY: `backup` is not null and is not finished before it is dropped.
        let (code, remaining, total) = unsafe {
            let code = sqlite::sqlite3_backup_step(backup.0, options.rate);
            let remaining = sqlite::sqlite3_backup_remaining(backup.0);
            (code, remaining, sqlite::sqlite3_backup_pagecount(backup.0))
        };
        if let Some(progress) = options.progress
            && remaining != 0
            && source
                .connection
                .call(scope, |scope| report_progress(scope, progress, remaining, total))
                .is_none()
        {
            return Ok(None);
        }
        match code {
            sqlite::SQLITE_DONE => return Ok(Some(total)),
            sqlite::SQLITE_OK => {}
            sqlite::SQLITE_BUSY | sqlite::SQLITE_LOCKED => thread::sleep(RETRY_DELAY),
            code => return Err(Error::with(String::new(), code).into()),
        }
    }
}

fn report_progress(
    scope: &mut v8::PinScope<'_, '_>,
    progress: v8::Local<'_, v8::Function>,
    remaining: c_int,
    total: c_int,
) -> Option<()> {
    let object = v8::Object::new(scope);
    for (name, pages) in [("totalPages", total), ("remainingPages", remaining)] {
        let pages = v8::Integer::new(scope, pages).into();
        objects::set(scope, object, name, pages)?;
    }
    let this = v8::null(scope).into();
    progress.call(scope, this, &[object.into()]).map(drop)
}
