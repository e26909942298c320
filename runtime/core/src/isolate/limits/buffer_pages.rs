//! Memory of buffers that V8 takes by pages: that of WebAssembly, and of buffers that can be resized.
//!
//! V8 does not ask an allocator of array buffers for it. It reserves addresses from the page allocator of its platform,
//! and makes pages accessible when a memory is created or grows. It does so in every realm, for `WebAssembly.Memory`
//! and for a memory that a module declares, and for the instruction `memory.grow`. So functions of Rust stand before
//! three functions of the page allocator: accessible pages count as array buffers of the process whose thread takes
//! them, and V8 throws a `RangeError` (or `memory.grow` returns -1) when they are refused.
//!
//! The `v8` crate has no way to pass a page allocator to V8, so the functions are put into the table of virtual
//! functions of V8's own. Its version is fixed, and tests show that V8 calls them.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Arc, OnceLock};

use deno_runtime::deno_core::v8;
use parking_lot::Mutex;

use crate::isolate::crash;
use crate::isolate::limits::array_buffers::ArrayBuffers;

/// What the compiler keeps before the functions of a table: type information, and where there are two destructors the
/// offset of the object.
const BEFORE: usize = if cfg!(target_env = "msvc") { 1 } else { 2 };

/// The destructors come first. Microsoft's compiler makes one, others two.
const DESTRUCTORS: usize = if cfg!(target_env = "msvc") { 1 } else { 2 };

/// In `v8::Platform` of `v8-platform.h`.
const GET_PAGE_ALLOCATOR: usize = DESTRUCTORS;

/// In `v8::PageAllocator` of `v8-platform.h`. Microsoft's compiler puts overloaded functions in the reverse order.
const ALLOCATE_PAGES: usize = DESTRUCTORS + if cfg!(target_env = "msvc") { 5 } else { 4 };
const FREE_PAGES: usize = DESTRUCTORS + 7;
const SET_PERMISSIONS: usize = DESTRUCTORS + 9;
const FUNCTIONS: usize = DESTRUCTORS + 17;

/// Of `v8::PageAllocator::Permission`.
const NO_ACCESS: c_int = 0;
const READ_WRITE: c_int = 2;

/// Buffers are aligned to pages of the system or of WebAssembly, V8's heap to larger ones.
const MOST_ALIGNED: usize = 64 << 10;

type Word = usize;
type Table = [Word; BEFORE + FUNCTIONS];

/// An object with virtual functions.
#[repr(C)]
struct Object {
    functions: *const Word,
}

type GetPageAllocator = unsafe extern "C" fn(*mut Object) -> *mut Object;
type AllocatePages =
    unsafe extern "C" fn(*mut Object, *mut c_void, usize, usize, c_int) -> *mut c_void;
type FreePages = unsafe extern "C" fn(*mut Object, *mut c_void, usize) -> bool;
type SetPermissions = unsafe extern "C" fn(*mut Object, *mut c_void, usize, c_int) -> bool;

/// The table with the functions of this module, and those that were there.
struct Patched {
    table: Table,
    allocate: AllocatePages,
    free: FreePages,
    set_permissions: SetPermissions,
}

static PATCHED: OnceLock<Patched> = OnceLock::new();

/// Called when V8's platform is there, and before any isolate.
pub(crate) fn count() {
    let platform = v8::V8::get_current_platform();
    let platform = ptr::from_ref(&*platform).cast_mut().cast::<Object>();
    // SAFETY: an object with virtual functions begins with the address of the first of them, and this one has the type
    // that the header tells. V8's default platform has a page allocator.
    let allocator = unsafe {
        let get = (*platform).functions.add(GET_PAGE_ALLOCATOR).cast::<GetPageAllocator>().read();
        get(platform)
    };
    let patched = PATCHED.get_or_init(|| {
        // SAFETY: the functions are preceded by the words named above, and are as many as the header has.
        unsafe {
            let functions = (*allocator).functions;
            let mut table = functions.sub(BEFORE).cast::<Table>().read();
            let (ours_allocate, ours_free): (AllocatePages, FreePages) = (allocate, free);
            let ours_set: SetPermissions = set_permissions;
            table[BEFORE + ALLOCATE_PAGES] = ours_allocate as usize;
            table[BEFORE + FREE_PAGES] = ours_free as usize;
            table[BEFORE + SET_PERMISSIONS] = ours_set as usize;
            Patched {
                table,
                allocate: functions.add(ALLOCATE_PAGES).cast::<AllocatePages>().read(),
                free: functions.add(FREE_PAGES).cast::<FreePages>().read(),
                set_permissions: functions.add(SET_PERMISSIONS).cast::<SetPermissions>().read(),
            }
        }
    });
    // SAFETY: the table is static, and has the functions that were there. No isolate uses the allocator yet.
    unsafe { (*allocator).functions = patched.table.as_ptr().add(BEFORE) };
}

/// Only called by functions that are in the table.
fn patched() -> &'static Patched {
    let Some(patched) = PATCHED.get() else { std::process::abort() };
    patched
}

/// Addresses that a process has reserved.
struct Reservation {
    length: usize,
    /// Bytes from the first on that are accessible, and count.
    accessible: usize,
    /// Whether garbage was collected for its first pages.
    has_collected: bool,
    owner: Arc<ArrayBuffers>,
}

/// What becomes of pages that are to be accessible.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// So many bytes did not count, and do now.
    Taken(usize),
    /// They may fit when garbage has been collected.
    Collect,
    Refused,
}

/// Of all processes, by the first address.
static RESERVED: Mutex<BTreeMap<usize, Reservation>> = Mutex::new(BTreeMap::new());

fn reserve(address: usize, length: usize) {
    let owner = crash::process_here().and_then(|process| process.buffers.get().cloned());
    if let Some(owner) = owner {
        RESERVED
            .lock()
            .insert(address, Reservation { length, accessible: 0, has_collected: false, owner });
    }
}

/// Makes the first `length` bytes of a reservation count. Garbage may be collected for it once more.
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
    // V8 collects garbage itself for new memory, but not for memory that grows. The first pages may be either.
    if may_collect && !(is_first && reservation.has_collected) {
        reservation.has_collected = true;
        return Answer::Collect;
    }
    Answer::Refused
}

unsafe extern "C" {
    /// `v8::Isolate::GetCurrent` and `LowMemoryNotification`, as the `v8` crate calls them.
    fn v8__Isolate__GetCurrent() -> *mut c_void;
    fn v8__Isolate__LowMemoryNotification(isolate: *mut c_void);
}

/// Collects all garbage of this thread's isolate, with the buffers that are garbage.
fn collect_garbage() {
    // SAFETY: V8 makes pages of a buffer accessible on the thread of an isolate, at a moment when it may allocate on
    // its heap: it makes a new buffer or an error right after.
    unsafe {
        let isolate = v8__Isolate__GetCurrent();
        if !isolate.is_null() {
            v8__Isolate__LowMemoryNotification(isolate);
        }
    }
}

/// The opposite for so many bytes at the end of what is accessible.
fn give_back(address: usize, bytes: usize) {
    if let Some(reservation) = RESERVED.lock().get_mut(&address) {
        let bytes = bytes.min(reservation.accessible);
        reservation.accessible -= bytes;
        reservation.owner.give_back(bytes);
    }
}

/// Bytes from `address` on are not accessible any more.
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
    // SAFETY: as V8 calls it.
    let memory = unsafe { (patched().allocate)(this, hint, length, alignment, access) };
    if !memory.is_null() && access == NO_ACCESS && alignment <= MOST_ALIGNED {
        reserve(memory.addr(), length);
    }
    memory
}

unsafe extern "C" fn free(this: *mut Object, memory: *mut c_void, length: usize) -> bool {
    // Before the addresses are somebody else's.
    let reservation = RESERVED.lock().remove(&memory.addr());
    // SAFETY: as V8 calls it.
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
    // SAFETY: as V8 calls it.
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

    /// An address that no page has.
    fn reserved(address: usize, length: usize, limit: usize) -> Arc<ArrayBuffers> {
        let owner = ArrayBuffers::new(limit);
        let reservation =
            Reservation { length, accessible: 0, has_collected: false, owner: owner.clone() };
        RESERVED.lock().insert(address, reservation);
        owner
    }

    #[test]
    fn accessible_pages_count_once_and_until_they_are_not() {
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
        assert!(!owner.take_native(1), "these pages are not the last that are accessible");
        give_back(1, 10);
        assert!(owner.take_native(10));
        assert_eq!(take(2, 1000, true), Answer::Taken(0), "no reservation begins here");
        RESERVED.lock().remove(&1);
    }

    #[test]
    fn garbage_is_collected_once_for_first_pages_and_each_time_for_more() {
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
