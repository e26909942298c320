//! Temporary files of SQLite, which a script's database has in memory.
//!
//! SQLite puts large intermediate results and temporary tables into files, in a folder that it chooses itself or that
//! a pragma sets for the whole application. No permission is asked for that. So what a script's thread opens
//! without a name becomes one of SQLite's own files in memory, which are counted like its other memory, and no
//! folder is one that the pragma takes. An empty text still takes back what the application has set there.
//! Threads that SQLite starts to sort (`PRAGMA threads`) are known to be a script's on Linux only; elsewhere they
//! put what they sort into files.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;
use std::sync::OnceLock;

use libsqlite3_sys as sqlite;

use super::connections;
use crate::isolate::crash;

/// Names of SQLite's own interfaces to the system. The application may have put another one in their place, which is
/// left alone.
const OWN: [&CStr; 4] = [c"unix", c"unix-excl", c"win32", c"win32-longpath"];

struct Systems {
    /// The one that was in use before.
    files: *mut sqlite::sqlite3_vfs,
    memory: *mut sqlite::sqlite3_vfs,
}

// SAFETY: SQLite uses both on all threads, and for the life of the application.
unsafe impl Send for Systems {}
// SAFETY: as above.
unsafe impl Sync for Systems {}

static SYSTEMS: OnceLock<Systems> = OnceLock::new();

/// Called once, before a script opens a database. Answers with SQLite's own interface to the system.
pub(super) fn register() -> Option<*mut sqlite::sqlite3_vfs> {
    // SAFETY: SQLite finds what it has registered, or nothing.
    let (files, memory) = unsafe {
        (sqlite::sqlite3_vfs_find(ptr::null()), sqlite::sqlite3_vfs_find(c"memdb".as_ptr()))
    };
    // SAFETY: what is found stays for the life of the application.
    let (own, in_memory) = unsafe { (files.as_ref()?, memory.as_ref()?) };
    // SAFETY: the name is SQLite's, and ends with a zero.
    let name = unsafe { CStr::from_ptr(own.zName) };
    if !OWN.contains(&name) || SYSTEMS.set(Systems { files, memory }).is_err() {
        return None;
    }
    // All other functions of SQLite's own use nothing of the structure but what is copied.
    let ours = Box::new(sqlite::sqlite3_vfs {
        szOsFile: own.szOsFile.max(in_memory.szOsFile),
        pNext: ptr::null_mut(),
        zName: c"js-runtime".as_ptr(),
        xOpen: Some(open),
        xAccess: Some(access),
        xSleep: Some(sleep),
        ..*own
    });
    // SAFETY: the structure is complete, and is never freed.
    unsafe { sqlite::sqlite3_vfs_register(Box::leak(ours), 1) };
    Some(files)
}

/// Only called for what was registered when both were known.
fn systems() -> &'static Systems {
    let Some(systems) = SYSTEMS.get() else { std::process::abort() };
    systems
}

unsafe extern "C" fn open(
    _: *mut sqlite::sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite::sqlite3_file,
    flags: c_int,
    opened: *mut c_int,
) -> c_int {
    let Systems { files, memory } = *systems();
    let system = if name.is_null() && crash::is_for_a_process() { memory } else { files };
    // SAFETY: both were registered by SQLite, and `file` has room for the files of both.
    unsafe {
        match (*system).xOpen {
            Some(open) => open(system, name, file, flags, opened),
            None => sqlite::SQLITE_CANTOPEN,
        }
    }
}

/// SQLite asks whether a folder may be read and written for the pragma alone.
unsafe extern "C" fn access(
    _: *mut sqlite::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    result: *mut c_int,
) -> c_int {
    if flags == sqlite::SQLITE_ACCESS_READWRITE && crash::is_for_a_process() {
        // SAFETY: SQLite wants its answer there.
        unsafe { *result = 0 };
        return sqlite::SQLITE_OK;
    }
    let system = systems().files;
    // SAFETY: as SQLite calls it.
    unsafe {
        match (*system).xAccess {
            Some(access) => access(system, name, flags, result),
            None => sqlite::SQLITE_IOERR,
        }
    }
}

/// SQLite waits so for a lock, again and again until its timeout.
unsafe extern "C" fn sleep(_: *mut sqlite::sqlite3_vfs, microseconds: c_int) -> c_int {
    if crash::process_here().is_some_and(|process| process.is_asked()) {
        connections::wait_no_longer();
        return 0;
    }
    let system = systems().files;
    // SAFETY: as SQLite calls it.
    unsafe { (*system).xSleep.map_or(0, |sleep| sleep(system, microseconds)) }
}
