//! Counts and limits buffer memory that V8 takes by pages: WebAssembly memory and resizable buffers.
//!
//! V8 does not allocate it through the array buffer allocator. It reserves addresses from its platform's page allocator
//! and makes pages accessible when a memory is created or grows: in every realm, for `WebAssembly.Memory`, for memories
//! that a module declares, and for the instruction `memory.grow`. This module wraps three functions of the page
//! allocator. Accessible pages count as array buffers of the process that the calling thread belongs to. When they are
//! refused, V8 throws a `RangeError`, or `memory.grow` returns -1.
//!
//! The `v8` crate cannot pass a page allocator to V8, so the wrappers replace entries in the table of virtual functions
//! of V8's own allocator. The version of V8 is pinned, and tests show that V8 calls the wrappers.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Arc, OnceLock};

use deno_runtime::deno_core::v8;
use parking_lot::Mutex;

use super::array_buffers::ArrayBuffers;
use super::control::Control;

/// The words before the first function: type information, and except with MSVC the offset of the object.
const TABLE_HEADER: usize = if cfg!(target_env = "msvc") { 1 } else { 2 };

/// Destructors come first: one with MSVC, two elsewhere.
const DESTRUCTORS: usize = if cfg!(target_env = "msvc") { 1 } else { 2 };

/// Index in `v8::Platform` (`v8-platform.h`).
const GET_PAGE_ALLOCATOR: usize = DESTRUCTORS;

/// Indices in `v8::PageAllocator` (`v8-platform.h`). MSVC lays out overloaded functions in reverse order.
const ALLOCATE_PAGES: usize = DESTRUCTORS + if cfg!(target_env = "msvc") { 5 } else { 4 };
const FREE_PAGES: usize = DESTRUCTORS + 7;
const SET_PERMISSIONS: usize = DESTRUCTORS + 9;
const FUNCTIONS: usize = DESTRUCTORS + 17;

/// Values of `v8::PageAllocator::Permission`.
const NO_ACCESS: c_int = 0;
const READ_WRITE: c_int = 2;

/// The largest alignment of a buffer: a WebAssembly page, in bytes. Reservations for V8's heap have larger ones.
const MAX_BUFFER_ALIGNMENT: usize = 64 << 10;

type Word = usize;
type Table = [Word; TABLE_HEADER + FUNCTIONS];

/// A C++ object with virtual functions.
#[repr(C)]
struct Object {
    functions: *const Word,
}

type GetPageAllocator = unsafe extern "C" fn(*mut Object) -> *mut Object;
type AllocatePages =
    unsafe extern "C" fn(*mut Object, *mut c_void, usize, usize, c_int) -> *mut c_void;
type FreePages = unsafe extern "C" fn(*mut Object, *mut c_void, usize) -> bool;
type SetPermissions = unsafe extern "C" fn(*mut Object, *mut c_void, usize, c_int) -> bool;

/// The patched table, and the functions that it replaces.
struct Patched {
    table: Table,
    allocate: AllocatePages,
    free: FreePages,
    set_permissions: SetPermissions,
}

static PATCHED: OnceLock<Patched> = OnceLock::new();

/// Installs the wrappers. Call after V8's platform is set and before the first isolate exists.
pub(crate) fn install() {
    let platform = v8::V8::get_current_platform();
    let platform = ptr::from_ref(&*platform).cast_mut().cast::<Object>();
    // SAFETY: a C++ object with virtual functions starts with the address of its first function. The entry at
    // `GET_PAGE_ALLOCATOR` has the type that `v8-platform.h` declares. V8's default platform has a page allocator.
    let allocator = unsafe {
        let get = (*platform).functions.add(GET_PAGE_ALLOCATOR).cast::<GetPageAllocator>().read();
        get(platform)
    };
    let patched = PATCHED.get_or_init(|| {
        // SAFETY: the table has `TABLE_HEADER` words and the `FUNCTIONS` functions that `v8-platform.h` declares, and
        // the entries read have the declared types.
        unsafe {
            let functions = (*allocator).functions;
            let mut table = functions.sub(TABLE_HEADER).cast::<Table>().read();
            let (new_allocate, new_free): (AllocatePages, FreePages) = (allocate, free);
            let new_set: SetPermissions = set_permissions;
            table[TABLE_HEADER + ALLOCATE_PAGES] = new_allocate as usize;
            table[TABLE_HEADER + FREE_PAGES] = new_free as usize;
            table[TABLE_HEADER + SET_PERMISSIONS] = new_set as usize;
            Patched {
                table,
                allocate: functions.add(ALLOCATE_PAGES).cast::<AllocatePages>().read(),
                free: functions.add(FREE_PAGES).cast::<FreePages>().read(),
                set_permissions: functions.add(SET_PERMISSIONS).cast::<SetPermissions>().read(),
            }
        }
    });
    // SAFETY: the table is static and, except for the replaced functions, a copy of the original. No isolate exists
    // yet, so nothing else uses the allocator.
    unsafe { (*allocator).functions = patched.table.as_ptr().add(TABLE_HEADER) };
}

/// `PATCHED` is set before V8 can call a wrapper.
fn patched() -> &'static Patched {
    let Some(patched) = PATCHED.get() else { std::process::abort() };
    patched
}

/// An address range that a process has reserved. Sizes are in bytes.
struct Reservation {
    length: usize,
    /// The length of the accessible, counted prefix.
    accessible: usize,
    /// Whether garbage was already collected to make its first pages fit.
    has_collected: bool,
    owner: Arc<ArrayBuffers>,
}

/// The result of a request to make pages accessible.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// Granted; this many bytes are newly counted.
    Taken(usize),
    /// Refused; retry after a garbage collection.
    Collect,
    Refused,
}

/// The reservations of all processes by first address.
static RESERVED: Mutex<BTreeMap<usize, Reservation>> = Mutex::new(BTreeMap::new());

fn reserve(address: usize, length: usize) {
    let owner = Control::of_this_thread().and_then(|control| control.buffers.get().cloned());
    if let Some(owner) = owner {
        RESERVED
            .lock()
            .insert(address, Reservation { length, accessible: 0, has_collected: false, owner });
    }
}

/// Counts the first `length` bytes of a reservation. Returns [`Answer::Collect`] only if `may_collect`.
fn take(address: usize, length: usize, may_collect: bool) -> Answer {
    let mut reserved = RESERVED.lock();
    let Some(reservation) = reserved.get_mut(&address) else { return Answer::Taken(0) };
    let more = length.saturating_sub(reservation.accessible);
    let is_first = reservation.accessible == 0;
    let may = match more {
        0 => true,
        more if is_first => reservation.owner.take(more),
        more => reservation.owner.take_native(more),
    };
    if may {
        reservation.accessible += more;
        return Answer::Taken(more);
    }
    // V8 itself collects garbage for new memory, but not for memory that grows. First pages may belong to either.
    if may_collect && !(is_first && reservation.has_collected) {
        reservation.has_collected = true;
        return Answer::Collect;
    }
    Answer::Refused
}

unsafe extern "C" {
    /// The C bindings of `v8::Isolate::GetCurrent` and `LowMemoryNotification` in the `v8` crate.
    fn v8__Isolate__GetCurrent() -> *mut c_void;
    fn v8__Isolate__LowMemoryNotification(isolate: *mut c_void);
}

/// Collects all garbage of this thread's isolate, including unreachable buffers.
fn collect_garbage() {
    // SAFETY: the isolate, if not null, is entered on this thread. V8 makes buffer pages accessible only where it may
    // also allocate on the heap: it creates the buffer or an error right after.
    unsafe {
        let isolate = v8__Isolate__GetCurrent();
        if !isolate.is_null() {
            v8__Isolate__LowMemoryNotification(isolate);
        }
    }
}

/// Uncounts `bytes` at the end of the accessible prefix.
fn give_back(address: usize, bytes: usize) {
    if let Some(reservation) = RESERVED.lock().get_mut(&address) {
        let bytes = bytes.min(reservation.accessible);
        reservation.accessible -= bytes;
        reservation.owner.give_back(bytes);
    }
}

/// Uncounts the accessible bytes from `address` on, if `length` covers all of them.
fn shrink(address: usize, length: usize) {
    let mut reserved = RESERVED.lock();
    let Some((first, reservation)) = reserved.range_mut(..=address).next_back() else { return };
    let (from, to) = (address - first, (address - first).saturating_add(length));
    if from < reservation.length && from < reservation.accessible && to >= reservation.accessible {
        let bytes = reservation.accessible - from;
        reservation.accessible = from;
        reservation.owner.give_back(bytes);
    }
}

unsafe extern "C" fn allocate(
    this: *mut Object,
    hint: *mut c_void,
    length: usize,
    alignment: usize,
    access: c_int,
) -> *mut c_void {
    // SAFETY: V8's own function with V8's own arguments.
    let memory = unsafe { (patched().allocate)(this, hint, length, alignment, access) };
    if !memory.is_null() && access == NO_ACCESS && alignment <= MAX_BUFFER_ALIGNMENT {
        reserve(memory.addr(), length);
    }
    memory
}

unsafe extern "C" fn free(this: *mut Object, memory: *mut c_void, length: usize) -> bool {
    // First: another thread may reserve the same addresses as soon as they are free.
    let reservation = RESERVED.lock().remove(&memory.addr());
    // SAFETY: V8's own function with V8's own arguments.
    let is_freed = unsafe { (patched().free)(this, memory, length) };
    if let Some(Reservation { accessible, owner, .. }) = reservation {
        owner.give_back(accessible);
    }
    is_freed
}

unsafe extern "C" fn set_permissions(
    this: *mut Object,
    memory: *mut c_void,
    length: usize,
    access: c_int,
) -> bool {
    let mut taken = 0;
    if access == READ_WRITE {
        let mut answer = take(memory.addr(), length, true);
        if answer == Answer::Collect {
            collect_garbage();
            answer = take(memory.addr(), length, false);
        }
        let Answer::Taken(bytes) = answer else { return false };
        taken = bytes;
    }
    // SAFETY: V8's own function with V8's own arguments.
    let is_set = unsafe { (patched().set_permissions)(this, memory, length, access) };
    match (is_set, access) {
        (false, READ_WRITE) => give_back(memory.addr(), taken),
        (true, NO_ACCESS) => shrink(memory.addr(), length),
        _ => {}
    }
    is_set
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Registers a reservation at `address`, which must not be the address of a page.
    fn reserved(address: usize, length: usize, limit: usize) -> Arc<ArrayBuffers> {
        let owner = ArrayBuffers::new(limit);
        let reservation =
            Reservation { length, accessible: 0, has_collected: false, owner: owner.clone() };
        RESERVED.lock().insert(address, reservation);
        owner
    }

    #[test]
    fn accessible_pages_count_once_until_they_become_inaccessible() {
        let owner = reserved(1, 100, 60);
        assert_eq!(take(1, 40, true), Answer::Taken(40));
        assert_eq!(take(1, 30, true), Answer::Taken(0));
        assert_eq!(take(1, 61, true), Answer::Collect);
        assert_eq!(take(1, 61, false), Answer::Refused);
        assert_eq!(take(1, 60, true), Answer::Taken(20));
        assert!(owner.have_refused() && !owner.take_native(1));
        shrink(1 + 10, 50);
        assert!(owner.take_native(50) && !owner.take_native(1));
        shrink(1 + 5, 2);
        assert!(!owner.take_native(1), "pages in the middle were uncounted");
        give_back(1, 10);
        assert!(owner.take_native(10));
        assert_eq!(take(2, 1000, true), Answer::Taken(0), "no reservation begins here");
        RESERVED.lock().remove(&1);
    }

    #[test]
    fn garbage_is_collected_once_for_first_pages_and_always_for_growth() {
        let owner = reserved(1000, 100, 10);
        assert_eq!(take(1000, 11, true), Answer::Collect);
        assert_eq!(take(1000, 11, true), Answer::Refused);
        assert_eq!(take(1000, 10, true), Answer::Taken(10));
        for _ in 0..2 {
            assert_eq!(take(1000, 11, true), Answer::Collect);
        }
        RESERVED.lock().remove(&1000);
        drop(owner);
    }
}
