//! Checks the files of databases when SQLite opens or removes them.
//!
//! SQLite opens a database by path after Deno has checked it, and its journals much later. Its system calls `open` and
//! `unlink` are therefore replaced (see `sandbox_fs::databases`). The replacement is global to SQLite, and calls the
//! original on threads without an isolate.

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::io;
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

use libsqlite3_sys as sqlite;
use nix::errno::Errno;

use crate::isolate::sandbox::files::{fd_guard, sandbox_fs};

type Open = unsafe extern "C" fn(*const c_char, c_int, c_int) -> c_int;
type Remove = unsafe extern "C" fn(*const c_char) -> c_int;

/// SQLite's original system calls.
static ORIGINALS: OnceLock<(Open, Remove)> = OnceLock::new();

/// Devices that SQLite opens itself.
const DEVICES: [&CStr; 2] = [c"/dev/urandom", c"/dev/null"];

/// Replaces the system calls of SQLite's own VFS. Called once.
pub(super) fn install(vfs: *mut sqlite::sqlite3_vfs) {
    // SAFETY: `vfs` is a VFS that SQLite has registered. SQLite never frees its own VFS.
    let Some(get) = (unsafe { (*vfs).xGetSystemCall }) else { return };
    // SAFETY: as for `get`.
    let Some(set) = (unsafe { (*vfs).xSetSystemCall }) else { return };
    // SAFETY: both functions take the VFS that they belong to, and NUL-terminated names.
    let originals = unsafe { (get(vfs, c"open".as_ptr()), get(vfs, c"unlink".as_ptr())) };
    let (Some(original_open), Some(original_remove)) = originals else { return };
    // SAFETY: SQLite casts the system calls "open" and "unlink" to these types before it calls them (os_unix.c).
    let originals = unsafe {
        (
            std::mem::transmute::<unsafe extern "C" fn(), Open>(original_open),
            std::mem::transmute::<unsafe extern "C" fn(), Remove>(original_remove),
        )
    };
    if ORIGINALS.set(originals).is_err() {
        return;
    }
    // SAFETY: SQLite casts the functions back to `Open` and `Remove`, their real types, before it calls them.
    unsafe {
        let open = std::mem::transmute::<Open, unsafe extern "C" fn()>(open);
        let remove = std::mem::transmute::<Remove, unsafe extern "C" fn()>(remove);
        set(vfs, c"open".as_ptr(), Some(open));
        set(vfs, c"unlink".as_ptr(), Some(remove));
    }
}

/// The original system calls. Only the functions that [`install`] registers after setting them call this.
fn originals() -> (Open, Remove) {
    let Some(originals) = ORIGINALS.get() else { std::process::abort() };
    *originals
}

unsafe extern "C" fn open(name: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: SQLite passes a NUL-terminated name.
    let path = unsafe { CStr::from_ptr(name) };
    if DEVICES.contains(&path) || !sandbox_fs::has_permissions() {
        // SAFETY: SQLite's arguments, passed on to its own function.
        return unsafe { originals().0(name, flags, mode) };
    }
    let opened = fd_guard::ensure_room_for_file()
        .and_then(|()| sandbox_fs::open_database_file(to_path(path), flags, mode));
    match opened {
        Ok(file) => {
            let number = file.into_raw_fd();
            fd_guard::track_opened_file(number);
            number
        }
        Err(error) => set_errno(&error),
    }
}

unsafe extern "C" fn remove(name: *const c_char) -> c_int {
    if !sandbox_fs::has_permissions() {
        // SAFETY: SQLite's argument, passed on to its own function.
        return unsafe { originals().1(name) };
    }
    // SAFETY: SQLite passes a NUL-terminated name.
    let path = unsafe { CStr::from_ptr(name) };
    match sandbox_fs::remove_database_file(to_path(path)) {
        Ok(()) => 0,
        Err(error) => set_errno(&error),
    }
}

fn to_path(name: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(name.to_bytes()))
}

fn set_errno(error: &io::Error) -> c_int {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EACCES as i32)).set();
    -1
}
