//! A VFS that stores temporary files of scripts in memory.
//!
//! SQLite writes large intermediate results and temporary tables to files without a permission check, in a folder that
//! it chooses or that `PRAGMA temp_store_directory` sets for the whole application. On a script's thread this VFS opens
//! unnamed files as SQLite's in-memory files, which count like its other memory, and makes the pragma refuse every
//! folder. An empty string still resets a folder that the application has set. Only on Linux are the sorting threads of
//! SQLite (`PRAGMA threads`) recognized as a script's. Elsewhere they use files.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;
use std::sync::OnceLock;

use libsqlite3_sys as sqlite;

use super::connections;
use crate::crash;
use crate::isolate::limits::control::Control;

/// Names of SQLite's default VFS. Nothing is replaced if the application has registered another default.
const DEFAULT_NAMES: [&CStr; 4] = [c"unix", c"unix-excl", c"win32", c"win32-longpath"];

struct VfsPair {
    /// SQLite's default VFS.
    files: *mut sqlite::sqlite3_vfs,
    memory: *mut sqlite::sqlite3_vfs,
}

// SAFETY: SQLite itself uses a registered VFS on any thread, and never frees its own.
unsafe impl Send for VfsPair {}
// SAFETY: as for `Send`; nothing writes the structs through these pointers.
unsafe impl Sync for VfsPair {}

static VFS_PAIR: OnceLock<VfsPair> = OnceLock::new();

/// Registers the VFS as the default, before a script opens a database. Returns SQLite's default VFS.
pub(super) fn register() -> Option<*mut sqlite::sqlite3_vfs> {
    // SAFETY: null, which selects the default, and a NUL-terminated name.
    let (files, memory) = unsafe {
        (sqlite::sqlite3_vfs_find(ptr::null()), sqlite::sqlite3_vfs_find(c"memdb".as_ptr()))
    };
    // SAFETY: null, or a registered VFS, which must not be freed while it is registered.
    let (default, memory_vfs) = unsafe { (files.as_ref()?, memory.as_ref()?) };
    // SAFETY: the name of a registered VFS is NUL-terminated.
    let name = unsafe { CStr::from_ptr(default.zName) };
    if !DEFAULT_NAMES.contains(&name) || VFS_PAIR.set(VfsPair { files, memory }).is_err() {
        return None;
    }
    // The other functions of SQLite's default VFS use only fields that are copied.
    let replacement = Box::new(sqlite::sqlite3_vfs {
        szOsFile: default.szOsFile.max(memory_vfs.szOsFile),
        pNext: ptr::null_mut(),
        zName: c"js-runtime".as_ptr(),
        xOpen: Some(open),
        xAccess: Some(access),
        xSleep: Some(sleep),
        ..*default
    });
    // SAFETY: the struct has all the functions of SQLite's default VFS, and is leaked.
    unsafe { sqlite::sqlite3_vfs_register(Box::leak(replacement), 1) };
    Some(files)
}

/// Only the functions that [`register`] registers after setting it call this.
fn vfs_pair() -> &'static VfsPair {
    let Some(pair) = VFS_PAIR.get() else { std::process::abort() };
    pair
}

unsafe extern "C" fn open(
    _: *mut sqlite::sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite::sqlite3_file,
    flags: c_int,
    opened: *mut c_int,
) -> c_int {
    let VfsPair { files, memory } = *vfs_pair();
    let vfs = if name.is_null() && crash::is_process_thread() { memory } else { files };
    // SAFETY: `vfs` is registered, so its `xOpen` takes it and SQLite's arguments. `file` has `szOsFile` bytes, which
    // is the larger of both.
    unsafe {
        match (*vfs).xOpen {
            Some(open) => open(vfs, name, file, flags, opened),
            None => sqlite::SQLITE_CANTOPEN,
        }
    }
}

/// Refuses every folder to a script. SQLite uses `SQLITE_ACCESS_READWRITE` for the pragma only.
unsafe extern "C" fn access(
    _: *mut sqlite::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    result: *mut c_int,
) -> c_int {
    if flags == sqlite::SQLITE_ACCESS_READWRITE && crash::is_process_thread() {
        // SAFETY: SQLite passes a pointer to which the result is written.
        unsafe { *result = 0 };
        return sqlite::SQLITE_OK;
    }
    let vfs = vfs_pair().files;
    // SAFETY: `vfs` is registered, so its `xAccess` takes it and SQLite's arguments.
    unsafe {
        match (*vfs).xAccess {
            Some(access) => access(vfs, name, flags, result),
            None => sqlite::SQLITE_IOERR,
        }
    }
}

/// SQLite sleeps repeatedly while it waits for a lock. Ends the wait if the process has to end.
unsafe extern "C" fn sleep(_: *mut sqlite::sqlite3_vfs, microseconds: c_int) -> c_int {
    if Control::of_this_thread().is_some_and(|process| process.is_end_requested()) {
        connections::stop_waiting();
        return 0;
    }
    let vfs = vfs_pair().files;
    // SAFETY: `vfs` is registered, so its `xSleep` takes it.
    unsafe { (*vfs).xSleep.map_or(0, |sleep| sleep(vfs, microseconds)) }
}
