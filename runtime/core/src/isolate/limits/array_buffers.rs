//! Memory of `ArrayBuffer`s, which is no part of V8's heap: counted, and limited.
//!
//! One allocator for all isolates of a process, as buffers go from one to another. What would be too
//! much is refused, and becomes a `RangeError`. What V8 takes by pages (WebAssembly's memory, buffers that can be
//! resized) is counted by [`super::buffer_pages`]; no buffer that can be resized is larger than all may be together
//! (`largest`). Buffers that ops hand over are only seen afterwards, by [`crate::isolate::limits::heap_limit`] and [`super::memory_limit`].

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use deno_runtime::deno_core::v8;

mod largest;

/// What V8 asks of the memory that it gets.
const ALIGNMENT: usize = 16;

/// How far V8 is with a buffer that it cannot have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    None,
    Refused,
    /// It has said that memory is at its end.
    Told,
}

thread_local! {
    static REFUSAL: Cell<Refusal> = const { Cell::new(Refusal::None) };
}

/// The buffers of one process.
pub(crate) struct ArrayBuffers {
    used: AtomicUsize,
    limit: usize,
    has_refused: AtomicBool,
}

impl ArrayBuffers {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: 0.into(), limit, has_refused: false.into() })
    }

    /// Whether the script was refused memory.
    pub(crate) fn have_refused(&self) -> bool {
        self.has_refused.load(Ordering::Relaxed)
    }

    pub(crate) fn allocator(self: &Arc<Self>) -> v8::UniqueRef<v8::Allocator> {
        // SAFETY: the handle is what the functions of the table expect, and the last of them drops it.
        let mut allocator =
            unsafe { v8::new_rust_allocator(Arc::into_raw(self.clone()), &FUNCTIONS) };
        largest::limit(&mut allocator);
        allocator
    }

    /// Whether V8 speaks of the end of its memory because of a buffer that this thread was refused, and
    /// not of its heap: it does once for each, before it tries for the last time.
    pub(crate) fn is_all_about_a_refusal() -> bool {
        let is_so = REFUSAL.get() == Refusal::Refused;
        if is_so {
            REFUSAL.set(Refusal::Told);
        }
        is_so
    }

    /// Counts memory that native code takes for the script; whether it may.
    pub(crate) fn take_native(&self, size: usize) -> bool {
        self.count(size).is_ok()
    }

    /// Counts memory for a new buffer, for which V8 tries again when it has collected garbage; whether it may.
    pub(crate) fn take(&self, size: usize) -> bool {
        let taken = self.count(size);
        REFUSAL.set(match (taken, REFUSAL.get()) {
            (Err(_), Refusal::None | Refusal::Refused) => Refusal::Refused,
            (Ok(_), _) | (Err(_), Refusal::Told) => Refusal::None,
        });
        taken.is_ok()
    }

    fn count(&self, size: usize) -> Result<usize, usize> {
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(size).filter(|used| *used <= self.limit)
        });
        if taken.is_err() {
            self.has_refused.store(true, Ordering::Relaxed);
        }
        taken
    }

    /// Of `take_native` too.
    pub(crate) fn give_back(&self, size: usize) {
        self.used.fetch_sub(size, Ordering::Relaxed);
    }

    fn allocate(&self, size: usize, from_system: unsafe fn(Layout) -> *mut u8) -> *mut c_void {
        let Some(layout) = layout(size).filter(|_| self.take(size)) else {
            return ptr::null_mut();
        };
        // SAFETY: the layout is not empty.
        let memory = unsafe { from_system(layout) };
        if memory.is_null() {
            self.give_back(size);
        }
        memory.cast()
    }
}

/// `None` for more than there can be. V8 may ask for nothing, and gets something.
fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), ALIGNMENT).ok()
}

static FUNCTIONS: v8::RustAllocatorVtable<ArrayBuffers> =
    v8::RustAllocatorVtable { allocate, allocate_uninitialized, free, drop };

unsafe extern "C" fn allocate(buffers: &ArrayBuffers, size: usize) -> *mut c_void {
    buffers.allocate(size, alloc_zeroed)
}

unsafe extern "C" fn allocate_uninitialized(buffers: &ArrayBuffers, size: usize) -> *mut c_void {
    buffers.allocate(size, alloc)
}

unsafe extern "C" fn free(buffers: &ArrayBuffers, memory: *mut c_void, size: usize) {
    if let Some(layout) = layout(size) {
        // SAFETY: V8 gives back what it got from `allocate`, with the same size.
        unsafe { dealloc(memory.cast(), layout) };
        buffers.give_back(size);
    }
}

unsafe extern "C" fn drop(buffers: *const ArrayBuffers) {
    // SAFETY: `allocator` made this of an `Arc`, for here.
    unsafe { Arc::from_raw(buffers) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_up_to_the_limit_and_again_when_it_came_back() {
        let buffers = ArrayBuffers::new(100);
        let first = buffers.allocate(60, alloc_zeroed);
        assert!(!first.is_null() && !buffers.have_refused());
        assert!(buffers.allocate(41, alloc_zeroed).is_null());
        assert!(buffers.have_refused());
        // SAFETY: as V8 does.
        unsafe { free(&buffers, first, 60) };
        let second = buffers.allocate(100, alloc);
        assert!(!second.is_null());
        // SAFETY: as V8 does.
        unsafe { free(&buffers, second, 100) };
        assert_eq!(buffers.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_end_of_memory_is_about_a_refusal_once_and_between_two_of_them() {
        let buffers = ArrayBuffers::new(0);
        let refuse = || assert!(buffers.allocate(1, alloc).is_null());
        assert!(!ArrayBuffers::is_all_about_a_refusal());
        refuse();
        refuse();
        assert!(ArrayBuffers::is_all_about_a_refusal());
        assert!(!ArrayBuffers::is_all_about_a_refusal());
        refuse();
        assert!(!ArrayBuffers::is_all_about_a_refusal(), "the last attempt is over");
    }

    #[test]
    fn what_no_machine_has_is_refused() {
        let buffers = ArrayBuffers::new(usize::MAX);
        assert!(buffers.allocate(usize::MAX - 1, alloc).is_null());
        assert_eq!(buffers.used.load(Ordering::Relaxed), 0);
    }
}
