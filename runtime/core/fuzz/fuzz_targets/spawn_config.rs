//! Fuzz target: configurations as JSON.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| js_runtime::fuzzing::spawn_config(input));
