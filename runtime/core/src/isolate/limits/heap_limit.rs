//! What an isolate holds: looked at whenever V8 has collected all garbage, and limited.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use deno_runtime::deno_core::v8;

use super::control::{Control, Memory, SelfEnded};
use crate::generation::plan::MemoryLimits;
use crate::isolate::crash;

/// What V8 counts as held outside of its heap before a script has taken anything, and more: what can be
/// refused is to be refused first.
const LEEWAY: usize = 32 << 20;

/// For so many collections in a row a heap over its limit may only be asked to end where its script stands.
/// JavaScript hears of that before the next one, and so does not get here.
const UNASKED: u32 = 3;

/// After so many it is inside one call that V8 does not interrupt. Each further collection takes time, and the
/// heap has memory for few: its thread is parked at once.
const HOPELESS: u32 = 5;

/// What V8 may have beyond the limit of a heap, at the most.
const LARGEST_ROOM: usize = 24 << 20;

/// What V8 is to have for a heap of this limit. With less it would hardly do anything but collect garbage
/// before the limit is reached, and could not be interrupted.
pub(crate) fn with_room(heap: usize) -> usize {
    heap.saturating_add((heap / 4).min(LARGEST_ROOM))
}

/// Looks at what an isolate holds whenever V8 has collected all garbage.
pub(crate) struct HeapLimit {
    control: Weak<Control>,
    heap: usize,
    outside: usize,
    /// How often in a row the heap was found to be over its limit.
    over: AtomicU32,
    /// Freed buffers are given back some time after they were found: once too much may be a mistake.
    was_over: AtomicBool,
}

impl HeapLimit {
    pub(crate) fn new(control: &Arc<Control>, limits: MemoryLimits) -> Self {
        Self {
            control: Arc::downgrade(control),
            heap: limits.heap,
            outside: limits.array_buffers.saturating_add(LEEWAY),
            over: 0.into(),
            was_over: false.into(),
        }
    }

    /// It must outlive the isolate, and stay where it is.
    pub(crate) fn over(&self, isolate: &mut v8::Isolate) {
        let this = ptr::from_ref(self).cast_mut().cast();
        isolate.add_gc_epilogue_callback(
            after_collection,
            this,
            v8::GCType::kGCTypeMarkSweepCompact,
        );
    }

    /// Returns for how many collections in a row the heap has been over its limit.
    fn look(&self, heap: usize, outside: usize) -> u32 {
        let over = if heap > self.heap { self.over.load(Ordering::Relaxed) + 1 } else { 0 };
        self.over.store(over, Ordering::Relaxed);
        if over > 0 {
            self.end(Memory::Heap);
        }
        let is_over = outside > self.outside;
        if is_over && self.was_over.swap(true, Ordering::Relaxed) {
            self.end(Memory::Buffers);
        } else if !is_over {
            self.was_over.store(false, Ordering::Relaxed);
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
    watch: *mut c_void,
) {
    // SAFETY: the isolate's owner keeps the watch for longer than the isolate. It is never borrowed
    // mutably.
    let watch = unsafe { &*watch.cast::<HeapLimit>() };
    // SAFETY: V8 calls on the thread that has entered the isolate; counting neither allocates on its
    // heap nor runs JavaScript.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    let holds = isolate.get_heap_statistics();
    let over = watch.look(holds.used_heap_size(), holds.external_memory());
    if over >= UNASKED {
        isolate.terminate_execution();
    }
    // While it collects all that it can, V8 keeps its own threads waiting, and those are everybody's.
    let all = v8::GCCallbackFlags::kGCCallbackFlagCollectAllAvailableGarbage;
    if over >= HOPELESS && flags.0 & all.0 == 0 {
        crash::park_exhausted();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: MemoryLimits = MemoryLimits { heap: 100, array_buffers: 100 };

    #[test]
    fn what_is_held_outside_the_heap_is_too_much_when_it_is_twice() {
        let control = Arc::new(Control::default());
        let watch = HeapLimit::new(&control, LIMITS);
        let over = LEEWAY + 101;
        for held in [over, 100, over] {
            watch.look(100, held);
            assert!(control.self_ended().is_none());
        }
        watch.look(100, over);
        assert!(matches!(control.self_ended(), Some(SelfEnded::Exhausted(Memory::Buffers))));
    }

    #[test]
    fn what_is_left_on_the_heap_is_too_much_at_once() {
        let control = Arc::new(Control::default());
        HeapLimit::new(&control, LIMITS).look(101, 0);
        assert!(matches!(control.self_ended(), Some(SelfEnded::Exhausted(Memory::Heap))));
    }
}
