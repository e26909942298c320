//! Ways to exhaust the heap and buffers.

use super::Ends::{Crashed, Error, Fine, HeapLimit, HeapLimitOfOneObject};
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Nothing arrays => HeapLimit, "const all = []; for (;;) all.push(new Array(1000).fill(0.5))";
    Nothing objects => HeapLimit, "let all = null; for (;;) all = { all }";
    Nothing strings => HeapLimit, "const all = []; for (let i = 0; ; i++) all.push('x'.repeat(1000) + i)";
    Nothing flat_strings => HeapLimit, "const all = []; for (let i = 0; ; i++) all.push(JSON.stringify('x'.repeat(1e6) + i))";
    Nothing closures => HeapLimit, "const all = []; for (let i = 0; ; i++) all.push(() => i)";
    Nothing maps => HeapLimit, "const all = new Map(); for (let i = 0; ; i++) all.set(i, {})";
    Nothing symbols => HeapLimit, "const all = []; for (;;) all.push(Symbol('x'.repeat(100)))";
    Nothing functions => HeapLimit, "const all = []; for (let i = 0; ; i++) all.push(new Function(`return ${i}`))";
    Nothing promises => HeapLimit, "const all = []; for (;;) all.push(new Promise(() => {}))";
    Nothing timers => HeapLimit, "for (;;) setTimeout(() => {}, 1e6)";
    Nothing microtasks => HeapLimit, "const twice = () => { queueMicrotask(twice); queueMicrotask(twice) }; twice()";
    Nothing listeners => HeapLimit, "process.setMaxListeners(0); for (;;) process.on('x', () => {})";
    Nothing heap_in_callback => HeapLimit, "setTimeout(() => { const all = []; for (;;) all.push({}) })";
    Nothing heap_and_catch => HeapLimit, "const all = []; for (;;) try { for (;;) all.push({}) } catch {}";
    Nothing giant_array => HeapLimitOfOneObject, "new Array(2 ** 26).fill(0.5)";
    Nothing giant_arrays => HeapLimitOfOneObject, "const all = []; for (;;) all.push(new Array(2 ** 25).fill({}))";
    Nothing giant_string => Error("Invalid string length"), "'x'.repeat(2 ** 30)";
    Nothing giant_join => Error("Invalid string length"), "const a = new Array(2 ** 23).fill('x'.repeat(100)); a.join()";
    Nothing giant_string_split => Crashed(""), "'x'.repeat(2 ** 28).split('')";
    Nothing giant_buffer => Error("Invalid array buffer length"), "new ArrayBuffer(2 ** 40)";
    Nothing buffers => Error("Array buffer allocation failed (limits.arrayBufferMb)"), "const all = []; for (;;) all.push(new ArrayBuffer(2 ** 20))";
    Nothing shared_buffers => Error("Array buffer allocation failed (limits.arrayBufferMb)"), "const all = []; for (;;) all.push(new SharedArrayBuffer(2 ** 20))";
    Nothing node_buffers => Error("Array buffer allocation failed (limits.arrayBufferMb)"), "const { Buffer } = await import('node:buffer'); const all = []; for (;;) all.push(Buffer.alloc(2 ** 20))";
    Nothing buffers_between_ticks => Error("Array buffer allocation failed (limits.arrayBufferMb)"), "const all = []; for (;;) { all.push(new Uint8Array(2 ** 22).fill(1)); await new Promise((r) => setTimeout(r)) }";
    Nothing buffers_that_grow => Error("Out of memory (limits.arrayBufferMb)"), "const all = []; for (;;) { const b = new ArrayBuffer(1, { maxByteLength: 2 ** 24 }); b.resize(2 ** 24); all.push(b); await new Promise((r) => setTimeout(r)) }";
    Nothing buffers_refused_and_caught => Fine, "for (let i = 0; i < 50; i++) try { new ArrayBuffer(2 ** 40); throw 'given' } catch (e) { if (!(e instanceof RangeError)) throw e } console.log('fine')";
    Nothing released_buffers => Fine, "for (let i = 0; i < 200; i++) { new Uint8Array(2 ** 24).fill(1); await new Promise((r) => setTimeout(r)) } console.log('fine')";
    Nothing heap_after_refusals => HeapLimit, "for (let i = 0; i < 20; i++) try { new ArrayBuffer(2 ** 40) } catch {} const all = []; for (;;) all.push({})";
    Nothing images => Error("Invalid typed array length"), "new ImageData(50000, 50000)";
    Nothing images_with_changing_sizes => Error("Invalid typed array length"), "let n = 1; const two = { valueOf: () => (n = n === 1 ? 50000 : 1) }; for (;;) new ImageData(two, '50000')";
    Nothing clones => HeapLimit, "let all = []; for (;;) all = [structuredClone(all), structuredClone(all)]";
    Nothing wasm_memories => Error("could not allocate memory (limits.arrayBufferMb)"), "const all = []; for (;;) { const m = new WebAssembly.Memory({ initial: 100 }); new Uint8Array(m.buffer).fill(1); all.push(m) }";
    Nothing wasm_memory_that_grows => Error("Unable to grow instance memory (limits.arrayBufferMb)"), "const m = new WebAssembly.Memory({ initial: 1 }); for (;;) { m.grow(100); new Uint8Array(m.buffer).fill(1) }";
    Nothing shared_wasm_memories => Error("could not allocate memory (limits.arrayBufferMb)"), "const all = []; for (;;) all.push(new WebAssembly.Memory({ initial: 100, maximum: 100, shared: true }))";
    Nothing shared_buffers_that_grow => Error("Out of memory (limits.arrayBufferMb)"), "const all = []; for (;;) { const b = new SharedArrayBuffer(1, { maxByteLength: 2 ** 24 }); b.grow(2 ** 24); all.push(b) }";
    Nothing compressed => Error(""), "const { gunzipSync, gzipSync } = await import('node:zlib'); let b = new Uint8Array(2 ** 20); for (;;) { const z = gzipSync(b); b = null; b = gunzipSync(z); b = Buffer.concat([b, b]) }";
    Nothing console_of_giants => Fine, "let deep = []; for (let i = 0; i < 1e5; i++) deep = [deep]; console.log(deep, 'x'.repeat(1e6)); console.log('fine')";
};
