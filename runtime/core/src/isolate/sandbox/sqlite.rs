//! Limits and reentrancy checks for `node:sqlite`. SQLite has no limits per process, and V8 cannot interrupt a query.
//!
//! - **Memory** that SQLite allocates on a thread of a process counts against `limits.arrayBufferMb`. An allocation
//!   over the limit fails with the error `out of memory`. SQLite's own allocator serves the others. A header before
//!   each allocation stores its owner.
//! - **Time**: a progress handler of each connection interrupts the query when its process has to end.
//!
//! Both are global settings of SQLite, which the application may use too. Allocations and connections on the
//! application's threads are neither counted nor interrupted. If the application uses SQLite before the engine
//! starts, the allocator cannot be changed, and only `limits.memoryMb` bounds the memory.

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
mod tag_stores;
mod values;
mod vfs;

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Once, OnceLock};

use libsqlite3_sys as sqlite;

pub(crate) use self::backup::op_host_backup;
pub(crate) use self::methods::install;
use crate::isolate::limits::array_buffers::ArrayBuffers;
use crate::isolate::limits::control::Control;

/// Virtual machine instructions between two calls of the progress handler. One usually takes less than a microsecond.
const INSTRUCTIONS: c_int = 100;

/// SQLite's own allocator.
static ALLOCATOR: OnceLock<Allocator> = OnceLock::new();

struct Allocator(sqlite::sqlite3_mem_methods);

// SAFETY: the struct contains functions that SQLite itself calls on any thread, and `pAppData`, which only they use.
unsafe impl Send for Allocator {}
// SAFETY: as for `Send`; nothing writes the struct after `ALLOCATOR.set`.
unsafe impl Sync for Allocator {}

/// Configures SQLite before the first isolate exists. Later calls do nothing.
pub(crate) fn configure() {
    static CONFIGURED: Once = Once::new();
    CONFIGURED.call_once(|| {
        // Fails if the application already uses SQLite, see the module documentation.
        let _ = count_memory();
        let vfs = vfs::register();
        #[cfg(unix)]
        vfs.inspect(|vfs| files::install(*vfs));
        #[cfg(not(unix))]
        let _ = vfs;
        // SAFETY: `on_open` has the signature that SQLite requires of an extension, and is never unloaded.
        unsafe { sqlite::sqlite3_auto_extension(Some(on_open)) };
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
    // SAFETY: this option takes one pointer to `sqlite3_mem_methods`, which SQLite writes and does not store.
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
    ALLOCATOR.set(Allocator(own)).ok()?;
    // SAFETY: this option takes one pointer to `sqlite3_mem_methods`, which SQLite copies. The functions are never
    // unloaded, and find SQLite's allocator in `ALLOCATOR`.
    let set = unsafe { sqlite::sqlite3_config(sqlite::SQLITE_CONFIG_MALLOC, &raw const counted) };
    (set == sqlite::SQLITE_OK).then_some(())
}

/// Precedes each allocation.
#[repr(C)]
struct Header {
    /// From `Arc::into_raw`. Null for memory without a process.
    owner: *const ArrayBuffers,
    /// Bytes counted against the owner's limit.
    counted: usize,
}

/// In bytes. A multiple of 8, the alignment that SQLite requires.
const HEADER_BYTES: c_int = 16;

const _: () = assert!(size_of::<Header>() <= 16);

/// SQLite's allocator. Only the functions that [`count_memory`] registers after setting it call this.
fn allocator() -> &'static sqlite::sqlite3_mem_methods {
    let Some(Allocator(own)) = ALLOCATOR.get() else { std::process::abort() };
    own
}

/// The header of an allocation.
fn header_of(memory: *mut c_void) -> *mut Header {
    memory.wrapping_byte_offset(-(HEADER_BYTES as isize)).cast()
}

/// The allocation after a header.
fn memory_after(header: *mut Header) -> *mut c_void {
    header.wrapping_byte_offset(HEADER_BYTES as isize).cast()
}

fn with_header(bytes: c_int) -> Option<(c_int, usize)> {
    let all = bytes.checked_add(HEADER_BYTES)?;
    Some((all, usize::try_from(all).ok()?))
}

unsafe extern "C" fn allocate(bytes: c_int) -> *mut c_void {
    let (Some((all, counted)), Some(allocate)) = (with_header(bytes), allocator().xMalloc) else {
        return ptr::null_mut();
    };
    let owner = Control::of_this_thread().and_then(|process| process.buffers.get().cloned());
    if owner.as_ref().is_some_and(|owner| !owner.take_native(counted)) {
        return ptr::null_mut();
    }
    // SAFETY: `xMalloc` takes any size, and SQLite has initialized its allocator before it calls this function.
    let new = unsafe { allocate(all) }.cast::<Header>();
    if new.is_null() {
        owner.inspect(|owner| owner.give_back(counted));
        return ptr::null_mut();
    }
    let owner = owner.map_or(ptr::null(), Arc::into_raw);
    // SAFETY: the allocation is unused, aligned to 8 bytes by `xMalloc`, and at least `HEADER_BYTES` bytes long.
    unsafe { new.write(Header { owner, counted }) };
    memory_after(new)
}

unsafe extern "C" fn free(memory: *mut c_void) {
    let (false, Some(free)) = (memory.is_null(), allocator().xFree) else { return };
    let header = header_of(memory);
    // SAFETY: SQLite only frees memory that `allocate` or `reallocate` returned, so a header precedes it.
    let Header { owner, counted } = unsafe { header.read() };
    if !owner.is_null() {
        // SAFETY: `allocate` stored this `Arc::into_raw` in the header. SQLite frees an allocation once.
        unsafe { Arc::from_raw(owner) }.give_back(counted);
    }
    // SAFETY: the header is at the address that SQLite's allocator returned.
    unsafe { free(header.cast()) };
}

unsafe extern "C" fn reallocate(old: *mut c_void, bytes: c_int) -> *mut c_void {
    let (Some((all, counted)), Some(reallocate)) = (with_header(bytes), allocator().xRealloc)
    else {
        return ptr::null_mut();
    };
    let old = header_of(old);
    // SAFETY: SQLite calls `xRealloc` only with non-null memory that `allocate` or `reallocate` returned, so a header
    // precedes it.
    let Header { owner, counted: before } = unsafe { old.read() };
    // SAFETY: null, or an `Arc::into_raw` that the header owns until `free`.
    let owned = unsafe { owner.as_ref() };
    if owned.is_some_and(|owner| !owner.take_native(counted.saturating_sub(before))) {
        return ptr::null_mut();
    }
    // SAFETY: the header is at the address that SQLite's allocator returned.
    let new = unsafe { reallocate(old.cast(), all) }.cast::<Header>();
    if new.is_null() {
        owned.inspect(|owner| owner.give_back(counted.saturating_sub(before)));
        return ptr::null_mut();
    }
    owned.inspect(|owner| owner.give_back(before.saturating_sub(counted)));
    // SAFETY: as in `allocate`. The new header takes over the reference to the owner from the old one.
    unsafe { new.write(Header { owner, counted }) };
    memory_after(new)
}

unsafe extern "C" fn size(of: *mut c_void) -> c_int {
    let (false, Some(size)) = (of.is_null(), allocator().xSize) else { return 0 };
    // SAFETY: `of` came from `allocate` or `reallocate`, so its header is at an address of SQLite's allocator.
    unsafe { size(header_of(of).cast()) - HEADER_BYTES }
}

unsafe extern "C" fn round_up(bytes: c_int) -> c_int {
    let (Some((all, _)), Some(round_up)) = (with_header(bytes), allocator().xRoundup) else {
        return bytes;
    };
    // SAFETY: `xRoundup` takes any size and accesses no memory of the caller.
    unsafe { round_up(all) - HEADER_BYTES }
}

/// SQLite calls this for each new connection, on the thread that opens it.
unsafe extern "C" fn on_open(
    connection: *mut sqlite::sqlite3,
    _: *mut *mut c_char,
    _: *const sqlite::sqlite3_api_routines,
) -> c_int {
    if Control::of_this_thread().is_some() {
        // SAFETY: SQLite passes an open connection. The handler takes no data pointer.
        unsafe {
            sqlite::sqlite3_progress_handler(
                connection,
                INSTRUCTIONS,
                Some(should_interrupt),
                ptr::null_mut(),
            );
        }
        return connections::attach(connection);
    }
    sqlite::SQLITE_OK
}

/// The progress handler, which SQLite calls during a query. Any result but 0 interrupts the query.
unsafe extern "C" fn should_interrupt(_: *mut c_void) -> c_int {
    Control::of_this_thread().is_some_and(|process| process.is_end_requested()).into()
}
