//! SQLite, which counts neither memory nor time by process: a database in memory is no buffer of V8's, and V8 does
//! not interrupt a query.
//!
//! - **Memory** that SQLite takes on a thread of a process is counted with its buffers (`limits.arrayBufferMb`).
//!   What would be too much is refused, and becomes the error `out of memory`. SQLite's own allocator stays in
//!   use below; each piece of memory begins with its owner.
//! - **Time**: each connection asks now and then whether its process is to end, and then interrupts the query.
//!
//! Both are settings of SQLite as a whole, which the application may use too. Its own threads belong to no process:
//! there nothing is counted and nothing is interrupted. Where it has used SQLite before the engine starts,
//! the allocator can no longer be changed, and memory is only bounded by `limits.memoryMb`.

mod authorizer;
mod backup;
mod calls;
mod changesets;
mod connections;
mod errors;
#[cfg(unix)]
mod files;
mod functions;
mod iterators;
mod methods;
mod options;
mod script;
mod tag_stores;
mod values;
mod vfs;

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Once, OnceLock};

use libsqlite3_sys as sqlite;

pub(crate) use self::backup::op_host_backup;
pub(crate) use self::methods::install;
use crate::isolate::crash;
use crate::isolate::limits::array_buffers::ArrayBuffers;

/// Steps of a query between two questions. A step takes less than a microsecond as a rule.
const STEPS: c_int = 100;

/// SQLite's own allocator.
static SYSTEM: OnceLock<System> = OnceLock::new();

struct System(sqlite::sqlite3_mem_methods);

// SAFETY: SQLite calls these functions on all threads; the pointer is theirs.
unsafe impl Send for System {}
// SAFETY: as above.
unsafe impl Sync for System {}

/// Called before an isolate exists. Does its work once.
pub(crate) fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        // Fails when the application uses SQLite already, see above.
        let _ = count_memory();
        let system = vfs::register();
        #[cfg(unix)]
        system.inspect(|system| files::check(*system));
        #[cfg(not(unix))]
        let _ = system;
        // SAFETY: the function has the form that SQLite calls, and is there for the life of the application.
        unsafe { sqlite::sqlite3_auto_extension(Some(opened)) };
    });
}

fn count_memory() -> Option<()> {
    let mut own = sqlite::sqlite3_mem_methods {
        xMalloc: None,
        xFree: None,
        xRealloc: None,
        xSize: None,
        xRoundup: None,
        xInit: None,
        xShutdown: None,
        pAppData: ptr::null_mut(),
    };
    // SAFETY: SQLite writes one structure of this form, and keeps nothing.
    let got = unsafe { sqlite::sqlite3_config(sqlite::SQLITE_CONFIG_GETMALLOC, &raw mut own) };
    let counted = sqlite::sqlite3_mem_methods {
        xMalloc: Some(allocate),
        xFree: Some(free),
        xRealloc: Some(reallocate),
        xSize: Some(size),
        xRoundup: Some(round_up),
        ..own
    };
    let is_complete = got == sqlite::SQLITE_OK
        && own.xMalloc.is_some()
        && own.xFree.is_some()
        && own.xRealloc.is_some()
        && own.xSize.is_some()
        && own.xRoundup.is_some();
    if !is_complete {
        return None;
    }
    SYSTEM.set(System(own)).ok()?;
    // SAFETY: SQLite copies the structure. The functions are there for the life of the application, and find
    // the allocator that they stand before.
    let set = unsafe { sqlite::sqlite3_config(sqlite::SQLITE_CONFIG_MALLOC, &raw const counted) };
    (set == sqlite::SQLITE_OK).then_some(())
}

/// Stands before each piece of memory.
#[repr(C)]
struct Head {
    /// Made by `Arc::into_raw`; null for memory that belongs to no process.
    owner: *const ArrayBuffers,
    /// Bytes that the owner is charged with.
    counted: usize,
}

/// Keeps what follows as aligned as SQLite wants it.
const HEAD: c_int = 16;

const _: () = assert!(size_of::<Head>() <= 16);

/// Only called by what SQLite calls after [`count_memory`] has set it.
fn system() -> &'static sqlite::sqlite3_mem_methods {
    let Some(System(own)) = SYSTEM.get() else { std::process::abort() };
    own
}

/// The head before memory that was handed out.
fn head(memory: *mut c_void) -> *mut Head {
    memory.wrapping_byte_offset(-(HEAD as isize)).cast()
}

/// The memory after a head.
fn memory(head: *mut Head) -> *mut c_void {
    head.wrapping_byte_offset(HEAD as isize).cast()
}

fn with_head(bytes: c_int) -> Option<(c_int, usize)> {
    let all = bytes.checked_add(HEAD)?;
    Some((all, usize::try_from(all).ok()?))
}

unsafe extern "C" fn allocate(bytes: c_int) -> *mut c_void {
    let (Some((all, counted)), Some(allocate)) = (with_head(bytes), system().xMalloc) else {
        return ptr::null_mut();
    };
    let owner = crash::process_here().and_then(|process| process.buffers.get().cloned());
    if owner.as_ref().is_some_and(|owner| !owner.take_native(counted)) {
        return ptr::null_mut();
    }
    // SAFETY: as SQLite calls it.
    let new = unsafe { allocate(all) }.cast::<Head>();
    if new.is_null() {
        owner.inspect(|owner| owner.give_back(counted));
        return ptr::null_mut();
    }
    let owner = owner.map_or(ptr::null(), Arc::into_raw);
    // SAFETY: the memory is new, aligned, and larger than a head.
    unsafe { new.write(Head { owner, counted }) };
    memory(new)
}

unsafe extern "C" fn free(freed: *mut c_void) {
    let (false, Some(free)) = (freed.is_null(), system().xFree) else { return };
    let head = head(freed);
    // SAFETY: SQLite frees what it got from here, once.
    let Head { owner, counted } = unsafe { head.read() };
    if !owner.is_null() {
        // SAFETY: made by `Arc::into_raw` for this head, which ends.
        unsafe { Arc::from_raw(owner) }.give_back(counted);
    }
    // SAFETY: the allocator below gave this address.
    unsafe { free(head.cast()) };
}

unsafe extern "C" fn reallocate(old: *mut c_void, bytes: c_int) -> *mut c_void {
    let (Some((all, counted)), Some(reallocate)) = (with_head(bytes), system().xRealloc) else {
        return ptr::null_mut();
    };
    let old = head(old);
    // SAFETY: SQLite hands over what it got from here; it is not null.
    let Head { owner, counted: before } = unsafe { old.read() };
    // SAFETY: the head holds its owner, and is not freed meanwhile.
    let owned = unsafe { owner.as_ref() };
    if owned.is_some_and(|owner| !owner.take_native(counted.saturating_sub(before))) {
        return ptr::null_mut();
    }
    // SAFETY: the allocator below gave this address.
    let new = unsafe { reallocate(old.cast(), all) }.cast::<Head>();
    if new.is_null() {
        owned.inspect(|owner| owner.give_back(counted.saturating_sub(before)));
        return ptr::null_mut();
    }
    owned.inspect(|owner| owner.give_back(before.saturating_sub(counted)));
    // SAFETY: as for new memory; the owner goes on.
    unsafe { new.write(Head { owner, counted }) };
    memory(new)
}

unsafe extern "C" fn size(of: *mut c_void) -> c_int {
    let (false, Some(size)) = (of.is_null(), system().xSize) else { return 0 };
    // SAFETY: SQLite hands over what it got from here.
    unsafe { size(head(of).cast()) - HEAD }
}

unsafe extern "C" fn round_up(bytes: c_int) -> c_int {
    let (Some((all, _)), Some(round_up)) = (with_head(bytes), system().xRoundup) else {
        return bytes;
    };
    // SAFETY: a function of a number.
    unsafe { round_up(all) - HEAD }
}

/// Called by SQLite for each new connection, on the thread that opens it.
unsafe extern "C" fn opened(
    connection: *mut sqlite::sqlite3,
    _: *mut *mut c_char,
    _: *const sqlite::sqlite3_api_routines,
) -> c_int {
    if crash::process_here().is_some() {
        // SAFETY: the connection is open; the function has no data that could be gone.
        unsafe {
            sqlite::sqlite3_progress_handler(connection, STEPS, Some(is_to_end), ptr::null_mut());
        }
        return connections::add(connection);
    }
    sqlite::SQLITE_OK
}

/// Called by SQLite in the midst of a query.
unsafe extern "C" fn is_to_end(_: *mut c_void) -> c_int {
    crash::process_here().is_some_and(|process| process.is_asked()).into()
}
