//! V8's flags. The build script includes this file: V8 accepts code only with the flags that it was compiled with.

/// V8 skips the first word, the name of a program.
///
/// Unrolling: when V8 150 unrolls a short inner loop without an interrupt check, it removes the check of the outer loop
/// (`for (;;) new Array(1000)`). Such a script could neither be killed nor stopped at its heap limit.
///
/// Pool: by default, V8 retains the pages of ended isolates for later ones.
///
/// WebAssembly: a module can fill its memory in one call, which cannot be interrupted, so a memory is limited to 1 GiB.
pub(crate) const V8_FLAGS: [&str; 4] = [
    "js-runtime",
    "--no-turboshaft-loop-unrolling",
    "--no-memory-pool-share-memory-on-teardown",
    "--wasm-max-mem-pages=16384",
];
