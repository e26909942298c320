//! The files of databases, opened where they were checked.
//!
//! SQLite opens a database by its name after Deno has checked the name, and its journals by theirs much later. So
//! SQLite's system calls to open and to remove a file are replaced (`sandbox_fs::databases`). Both are settings of
//! SQLite as a whole: threads that belong to no isolate keep SQLite's own.

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

/// SQLite's own system calls.
static OWN: OnceLock<(Open, Remove)> = OnceLock::new();

/// What SQLite opens by itself.
const DEVICES: [&CStr; 2] = [c"/dev/urandom", c"/dev/null"];

/// Called once, with SQLite's own interface to the system.
pub(super) fn check(system: *mut sqlite::sqlite3_vfs) {
    // SAFETY: what SQLite has registered stays for the life of the application.
    let Some(get) = (unsafe { (*system).xGetSystemCall }) else { return };
    // SAFETY: as above.
    let Some(set) = (unsafe { (*system).xSetSystemCall }) else { return };
    // SAFETY: SQLite has functions under these names.
    let own = unsafe { (get(system, c"open".as_ptr()), get(system, c"unlink".as_ptr())) };
    let (Some(own_open), Some(own_remove)) = own else { return };
    // SAFETY: these are the types under which SQLite calls the two.
    let own = unsafe {
        (
            std::mem::transmute::<unsafe extern "C" fn(), Open>(own_open),
            std::mem::transmute::<unsafe extern "C" fn(), Remove>(own_remove),
        )
    };
    if OWN.set(own).is_err() {
        return;
    }
    // SAFETY: SQLite calls the two under the types that they have.
    unsafe {
        let open = std::mem::transmute::<Open, unsafe extern "C" fn()>(open);
        let remove = std::mem::transmute::<Remove, unsafe extern "C" fn()>(remove);
        set(system, c"open".as_ptr(), Some(open));
        set(system, c"unlink".as_ptr(), Some(remove));
    }
}

/// Only called by what SQLite calls after [`check`] has set it.
fn own() -> (Open, Remove) {
    let Some(own) = OWN.get() else { std::process::abort() };
    *own
}

unsafe extern "C" fn open(name: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: SQLite calls with a name that ends with a zero.
    let path = unsafe { CStr::from_ptr(name) };
    if DEVICES.contains(&path) || !sandbox_fs::has_permissions() {
        // SAFETY: as SQLite calls it.
        return unsafe { own().0(name, flags, mode) };
    }
    let opened = fd_guard::ensure_room_for_file()
        .and_then(|()| sandbox_fs::open_database_file(to_path(path), flags, mode));
    match opened {
        Ok(file) => {
            let number = file.into_raw_fd();
            fd_guard::track_opened_file(number);
            number
        }
        Err(error) => failed(&error),
    }
}

unsafe extern "C" fn remove(name: *const c_char) -> c_int {
    if !sandbox_fs::has_permissions() {
        // SAFETY: as SQLite calls it.
        return unsafe { own().1(name) };
    }
    // SAFETY: SQLite calls with a name that ends with a zero.
    let path = unsafe { CStr::from_ptr(name) };
    match sandbox_fs::remove_database_file(to_path(path)) {
        Ok(()) => 0,
        Err(error) => failed(&error),
    }
}

fn to_path(name: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(name.to_bytes()))
}

fn failed(error: &io::Error) -> c_int {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EACCES as i32)).set();
    -1
}
