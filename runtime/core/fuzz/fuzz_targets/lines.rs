//! Streams, cut into lines.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| js_runtime::fuzzing::lines(input));
