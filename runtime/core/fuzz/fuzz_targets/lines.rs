//! Fuzz target: the splitting of streams into lines.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| js_runtime::fuzzing::lines(input));
