//! Limits an isolate's memory. It is measured after each full garbage collection.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use deno_runtime::deno_core::v8;

use super::control::{Control, Memory, SelfEnded};
use crate::crash;
use crate::generation::plan::MemoryLimits;

/// Bytes of external memory above the buffer limit that end a script. Covers what V8 counts before a script runs,
/// with a margin: allocations that can be refused are refused first.
const EXTERNAL_SLACK: usize = 32 << 20;

/// From this many consecutive collections over the limit on, execution is terminated at once. Before, an interrupt ends
/// the script at a safe place; running JavaScript handles it before the next collection.
const TERMINATE_AFTER: u32 = 3;

/// From this many consecutive collections over the limit on, the isolate is inside one call that V8 does not
/// interrupt. Further collections only take time until the heap is exhausted, so the thread is parked.
const PARK_AFTER: u32 = 5;

/// The most that V8 may use beyond the heap limit, in bytes.
const MAX_HEAP_SLACK: usize = 24 << 20;

/// The heap size to configure in V8 for a limit of `heap` bytes. Without slack V8 would spend its time collecting
/// garbage near the limit, and could not be interrupted.
pub(crate) fn with_slack(heap: usize) -> usize {
    heap.saturating_add((heap / 4).min(MAX_HEAP_SLACK))
}

/// Measures an isolate after each full garbage collection and ends a script that exceeds its limits.
pub(crate) struct HeapLimit {
    control: Weak<Control>,
    /// Bytes.
    heap: usize,
    /// Bytes of external memory.
    external: usize,
    /// Consecutive measurements with the heap over its limit.
    heap_over: AtomicU32,
    /// Whether external memory was over its limit in the last measurement. V8 uncounts freed buffers late, so one
    /// measurement is not enough.
    external_over: AtomicBool,
}

impl HeapLimit {
    pub(crate) fn new(control: &Arc<Control>, limits: MemoryLimits) -> Self {
        Self {
            control: Arc::downgrade(control),
            heap: limits.heap,
            external: limits.array_buffers.saturating_add(EXTERNAL_SLACK),
            heap_over: 0.into(),
            external_over: false.into(),
        }
    }

    /// Measures this isolate from now on. `self` must outlive the isolate and must not move.
    pub(crate) fn watch(&self, isolate: &mut v8::Isolate) {
        let this = ptr::from_ref(self).cast_mut().cast();
        isolate.add_gc_epilogue_callback(
            after_collection,
            this,
            v8::GCType::kGCTypeMarkSweepCompact,
        );
    }

    /// Returns the number of consecutive measurements with the heap over its limit.
    fn check(&self, heap: usize, external: usize) -> u32 {
        let over = if heap > self.heap { self.heap_over.load(Ordering::Relaxed) + 1 } else { 0 };
        self.heap_over.store(over, Ordering::Relaxed);
        if over > 0 {
            self.end(Memory::Heap);
        }
        let is_over = external > self.external;
        if is_over && self.external_over.swap(true, Ordering::Relaxed) {
            self.end(Memory::Buffers);
        } else if !is_over {
            self.external_over.store(false, Ordering::Relaxed);
        }
        over
    }

    fn end(&self, exhausted: Memory) {
        if let Some(control) = self.control.upgrade() {
            control.end_of_script(SelfEnded::Exhausted(exhausted));
        }
    }
}

unsafe extern "C" fn after_collection(
    isolate: v8::UnsafeRawIsolatePtr,
    _: v8::GCType,
    flags: v8::GCCallbackFlags,
    limit: *mut c_void,
) {
    // SAFETY: `limit` is the pointer that `HeapLimit::watch` registered, whose caller keeps it alive and in place for
    // as long as the isolate exists. It is never borrowed mutably.
    let limit = unsafe { &*limit.cast::<HeapLimit>() };
    // SAFETY: V8 passes the isolate that is entered on this thread. Reading statistics neither allocates on its heap nor
    // runs JavaScript.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    let usage = isolate.get_heap_statistics();
    let over = limit.check(usage.used_heap_size(), usage.external_memory());
    if over >= TERMINATE_AFTER {
        isolate.terminate_execution();
    }
    // During a collection of all available garbage V8's own threads wait for this one. All isolates share them, so it
    // must not be parked.
    let all = v8::GCCallbackFlags::kGCCallbackFlagCollectAllAvailableGarbage;
    if over >= PARK_AFTER && flags.0 & all.0 == 0 {
        crash::park_exhausted();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: MemoryLimits = MemoryLimits { heap: 100, array_buffers: 100 };

    #[test]
    fn external_memory_over_the_limit_twice_in_a_row_ends_the_script() {
        let control = Control::new();
        let limit = HeapLimit::new(&control, LIMITS);
        let over = EXTERNAL_SLACK + 101;
        for external in [over, 100, over] {
            limit.check(100, external);
            assert!(control.self_ended().is_none());
        }
        limit.check(100, over);
        assert!(matches!(control.self_ended(), Some(SelfEnded::Exhausted(Memory::Buffers))));
    }

    #[test]
    fn a_heap_over_its_limit_ends_the_script_at_once() {
        let control = Control::new();
        HeapLimit::new(&control, LIMITS).check(101, 0);
        assert!(matches!(control.self_ended(), Some(SelfEnded::Exhausted(Memory::Heap))));
    }
}
