//! Counts and limits the memory of `ArrayBuffer`s, which is not part of V8's heap.
//!
//! All isolates of a process share one allocator, because buffers move between them. A refused allocation becomes a
//! `RangeError`. [`super::buffer_pages`] counts memory that V8 takes by pages: WebAssembly memory and resizable buffers.
//! [`super::heap_limit`] and [`super::memory_limit`] see buffers that ops create, but only afterwards.
//!
//! The size of a single buffer has the same limit. V8 does not allocate resizable buffers through the allocator: it
//! reserves addresses, and a script could then fill gigabytes in one uninterruptible call. But V8 asks
//! `ArrayBuffer::Allocator::MaxAllocationSize` for every buffer, in every realm. The `v8` crate does not forward that
//! call to an allocator written in Rust, so [`limit_size`] replaces it in the allocator's table of virtual functions. A
//! test shows that V8 calls the replacement.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use deno_runtime::deno_core::v8;

/// The alignment that V8 requires of buffer memory, in bytes.
const ALIGNMENT: usize = 16;

/// The state of V8's attempts to allocate one buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    None,
    Refused,
    /// V8 has reported the refusal as out of memory and retries once more.
    Reported,
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

    /// Whether any allocation of the process was refused.
    pub(crate) fn have_refused(&self) -> bool {
        self.has_refused.load(Ordering::Relaxed)
    }

    pub(crate) fn allocator(self: &Arc<Self>) -> v8::UniqueRef<v8::Allocator> {
        // SAFETY: the functions in `FUNCTIONS` take a pointer from `Arc::into_raw`, and `drop` there releases it.
        let mut allocator =
            unsafe { v8::new_rust_allocator(Arc::into_raw(self.clone()), &FUNCTIONS) };
        limit_size(&mut allocator);
        allocator
    }

    /// Whether V8's out-of-memory report on this thread is about a refused buffer and not about the heap. V8 reports
    /// each refused buffer once, before its last attempt.
    pub(crate) fn is_about_a_refused_buffer() -> bool {
        let is_refused = REFUSAL.get() == Refusal::Refused;
        if is_refused {
            REFUSAL.set(Refusal::Reported);
        }
        is_refused
    }

    /// Counts memory that native code allocates for the script. Returns `false` if that would exceed the limit.
    pub(crate) fn take_native(&self, size: usize) -> bool {
        self.count(size).is_ok()
    }

    /// Counts memory for a new buffer. Returns `false` if that would exceed the limit; V8 then collects garbage and
    /// retries.
    pub(crate) fn take(&self, size: usize) -> bool {
        let taken = self.count(size);
        REFUSAL.set(match (taken, REFUSAL.get()) {
            (Err(_), Refusal::None | Refusal::Refused) => Refusal::Refused,
            (Ok(_), _) | (Err(_), Refusal::Reported) => Refusal::None,
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

    /// Reverses [`Self::take`] and [`Self::take_native`].
    pub(crate) fn give_back(&self, size: usize) {
        self.used.fetch_sub(size, Ordering::Relaxed);
    }

    fn allocate(&self, size: usize, from_system: unsafe fn(Layout) -> *mut u8) -> *mut c_void {
        let Some(layout) = layout(size).filter(|_| self.take(size)) else {
            return ptr::null_mut();
        };
        // SAFETY: `layout` never returns a layout of size 0, the precondition of both allocation functions.
        let memory = unsafe { from_system(layout) };
        if memory.is_null() {
            self.give_back(size);
        }
        memory.cast()
    }
}

/// `None` for a size that no allocation can have. Size 0 becomes 1, because V8 may allocate empty buffers.
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
        // SAFETY: V8 frees with the size that it allocated with, so the layout is that of the allocation.
        unsafe { dealloc(memory.cast(), layout) };
        buffers.give_back(size);
    }
}

unsafe extern "C" fn drop(buffers: *const ArrayBuffers) {
    // SAFETY: `buffers` comes from `Arc::into_raw` in `allocator`, and V8 drops an allocator once.
    unsafe { Arc::from_raw(buffers) };
}

/// The index of `MaxAllocationSize` among the virtual functions of `v8::ArrayBuffer::Allocator` (`v8-array-buffer.h`):
/// destructor (one with MSVC, two elsewhere), `Allocate`, `AllocateUninitialized`, `Free`, `MaxAllocationSize`,
/// `GetPageAllocator`.
const MAX_ALLOCATION_SIZE: usize = if cfg!(target_env = "msvc") { 4 } else { 5 };
const VIRTUAL_FUNCTIONS: usize = MAX_ALLOCATION_SIZE + 2;

/// The words before the first function: type information, and except with MSVC the offset of the object.
const TABLE_HEADER: usize = if cfg!(target_env = "msvc") { 1 } else { 2 };

type Word = usize;
type Table = [Word; TABLE_HEADER + VIRTUAL_FUNCTIONS];

/// The layout of `RustAllocator` in the `v8` crate.
#[repr(C)]
struct Object {
    functions: *const Word,
    buffers: *const ArrayBuffers,
}

/// Replaces `MaxAllocationSize` of an allocator.
fn limit_size(allocator: &mut v8::Allocator) {
    static TABLE: OnceLock<Table> = OnceLock::new();
    let object = ptr::from_mut(allocator).cast::<Object>();
    let table = TABLE.get_or_init(|| {
        // SAFETY: the allocator was made by `new_rust_allocator`, so it has the layout of `Object`. `functions` points
        // behind the `TABLE_HEADER` words of its table; the version of the `v8` crate is pinned.
        let mut table = unsafe { (*object).functions.sub(TABLE_HEADER).cast::<Table>().read() };
        let answer: unsafe extern "C" fn(*const Object) -> usize = max_allocation_size;
        table[TABLE_HEADER + MAX_ALLOCATION_SIZE] = answer as usize;
        table
    });
    // SAFETY: `allocator` is borrowed mutably, so nothing else uses it. The table is static and, except for the
    // replaced function, a copy of the original.
    unsafe { (*object).functions = table.as_ptr().add(TABLE_HEADER) };
}

unsafe extern "C" fn max_allocation_size(this: *const Object) -> usize {
    // SAFETY: V8 calls this on an allocator that it has not dropped, which owns its `ArrayBuffers`.
    unsafe { (*(*this).buffers).limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_succeed_up_to_the_limit_and_again_after_a_free() {
        let buffers = ArrayBuffers::new(100);
        let first = buffers.allocate(60, alloc_zeroed);
        assert!(!first.is_null() && !buffers.have_refused());
        assert!(buffers.allocate(41, alloc_zeroed).is_null());
        assert!(buffers.have_refused());
        // SAFETY: `first` was allocated above with this size.
        unsafe { free(&buffers, first, 60) };
        let second = buffers.allocate(100, alloc);
        assert!(!second.is_null());
        // SAFETY: `second` was allocated above with this size.
        unsafe { free(&buffers, second, 100) };
        assert_eq!(buffers.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_refused_buffer_is_reported_once_before_the_last_attempt() {
        let buffers = ArrayBuffers::new(0);
        let refuse = || assert!(buffers.allocate(1, alloc).is_null());
        assert!(!ArrayBuffers::is_about_a_refused_buffer());
        refuse();
        refuse();
        assert!(ArrayBuffers::is_about_a_refused_buffer());
        assert!(!ArrayBuffers::is_about_a_refused_buffer());
        refuse();
        assert!(!ArrayBuffers::is_about_a_refused_buffer(), "the last attempt is still reported");
    }

    #[test]
    fn an_impossible_size_is_refused() {
        let buffers = ArrayBuffers::new(usize::MAX);
        assert!(buffers.allocate(usize::MAX - 1, alloc).is_null());
        assert_eq!(buffers.used.load(Ordering::Relaxed), 0);
    }
}
