//! What Rust and V8 say when they are about to end a program.

use std::ffi::{CStr, c_char};
use std::panic;

use deno_runtime::deno_core::v8;

use super::{note, panicked, park_exhausted};

/// A panic where nothing can unwind is followed by one that says so, and not why.
const SECOND: &str = "cannot unwind";

/// Called once. Whoever listened to panics before goes on doing so.
pub(super) fn listen() {
    let earlier = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        panicked(panic.payload_as_str().filter(|text| !text.contains(SECOND)));
        earlier(panic);
    }));
    v8::V8::set_fatal_error_handler(|_: &str, _: i32, message: &str| {
        note(|| format!("V8 gave up: {message}"));
    });
}

/// For each isolate: V8 tells of memory in a way of its own.
pub(in super::super) unsafe extern "C" fn out_of_memory(
    place: *const c_char,
    details: &v8::OomDetails,
) {
    // SAFETY: V8 hands over a text that ends, or nothing.
    let place = (!place.is_null()).then(|| unsafe { CStr::from_ptr(place) });
    let place = place.map(CStr::to_string_lossy).unwrap_or_default();
    note(|| format!("V8 could not go on without memory: {place}"));
    if details.is_heap_oom {
        // V8 would end the application when this returned.
        park_exhausted();
    }
}
