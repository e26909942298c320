//! Ways to exhaust the heap inside one call of a built-in function, which V8 cannot interrupt.

use super::Ends::{Error, Fine, HeapLimitInOneCall};
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Nothing parse_of_arrays => HeapLimitInOneCall, "JSON.parse('[' + '[1],'.repeat(2e7) + '1]')";
    Nothing parse_of_objects => HeapLimitInOneCall, "JSON.parse('[' + '{\"a\":1},'.repeat(5e6) + '1]')";
    Nothing parse_of_strings => HeapLimitInOneCall, "JSON.parse('[' + '\"some text that is long enough\",'.repeat(1e6) + '1]', (k, v) => v + k)";
    Nothing matches => HeapLimitInOneCall, "'some text '.repeat(3e6).match(/s(om)e|t(ex)t/g)";
    Nothing captures => HeapLimitInOneCall, "'some text '.repeat(3e6).replace(/(some) (text)/g, (...all) => all.join('-').repeat(2))";
    Nothing split_with_captures => HeapLimitInOneCall, "'some text '.repeat(2e6).split(/(ex|om)/)";
    Nothing clone_of_objects => HeapLimitInOneCall, "const all = Array.from({ length: 4e5 }, (_, i) => ({ i, a: [i] })); structuredClone([all, structuredClone(all)])";
    Nothing copy_of_a_map => HeapLimitInOneCall, "const all = new Map(); for (let i = 0; i < 5e5; i++) all.set(i, i); const more = new Map(all); globalThis.x = [more, new Map(more), new Map(all), new Map(all)]";
    Nothing copy_of_a_set => HeapLimitInOneCall, "new Set('some text'.repeat(4).split('').concat(Array.from({ length: 4e6 }, (_, i) => i)))";
    Nothing sort => HeapLimitInOneCall, "const a = new Array(6e6).fill(0).map((_, i) => -i); globalThis.x = [a, a.toSorted(), a.toSorted()]";
    Nothing keys => HeapLimitInOneCall, "Object.entries(new Array(3e6).fill(1))";
    Nothing decoded_text => HeapLimitInOneCall, "const b = new Uint8Array(16e6).fill(255); const d = new TextDecoder(); globalThis.x = [d.decode(b), d.decode(b), d.decode(b), d.decode(b)]";
    Nothing stringify => HeapLimitInOneCall, "const a = Array.from({ length: 3e5 }, (_, i) => [i]); globalThis.x = [0, 1, 2, 3, 4, 5, 6, 7].map(() => JSON.parse(JSON.stringify(a)))";
    Nothing flattened_repeats => HeapLimitInOneCall, "globalThis.x = []; [1, 2, 3, 4, 5, 6].forEach((n) => { const s = `${n}`.repeat(3e7); /z/.test(s); x.push(s) })";
    Nothing flattened_concatenations => HeapLimitInOneCall, "globalThis.x = []; for (let n = 0; n < 6; n++) { let s = `${n}`; while (s.length < 2 ** 24) s += s; Symbol.for(s); x.push(s) }";
    Nothing template_literals => HeapLimitInOneCall, "globalThis.x = []; for (let n = 0; n < 6; n++) { let s = `${n}`; while (s.length < 2 ** 24) s = `${s}${s}`; encodeURIComponent(s); x.push(s) }";
    Nothing split_of_characters => HeapLimitInOneCall, "'xyz'.repeat(1e7).split(/(?:)/)";
    Nothing array_from => HeapLimitInOneCall, "Array.from({ length: 3e6 }, () => ({}))";
    Nothing array_from_text => HeapLimitInOneCall, "Array.from({ length: 40 }, () => Array.from('some text '.repeat(1e5)))";
    Nothing spread => HeapLimitInOneCall, "[...Array.from({ length: 40 }, () => [...'some text '.repeat(1e5)])]";
    Nothing array_concat => HeapLimitInOneCall, "const a = new Array(1e6).fill(0.5); Array.from({ length: 40 }, () => [].concat(a, a))";
    Nothing array_flat => HeapLimitInOneCall, "const a = new Array(1e5).fill(0.5); Array.from({ length: 40 }, () => new Array(10).fill(a).flat())";
    Nothing wasm_tables => HeapLimitInOneCall, "Array.from({ length: 40 }, () => new WebAssembly.Table({ element: 'externref', initial: 1e6 }))";
    Nothing in_a_thread => HeapLimitInOneCall, "const { Worker } = await import('node:worker_threads'); new Worker(`JSON.parse('[' + '[1],'.repeat(2e7) + '1]')`, { eval: true }); await new Promise(() => {})";
    Nothing one_object_beyond_the_limit => HeapLimitInOneCall, "globalThis.x = []; for (;;) { const s = 'y'.repeat(6e7); /z/.test(s); x.push(s, { s }) }";
    Nothing in_a_worker => HeapLimitInOneCall, "new Worker(`data:text/javascript,JSON.parse('[' + '[1],'.repeat(2e7) + '1]')`, { type: 'module' }); await new Promise(() => {})";
    Nothing exhausts_the_heap_again_after_a_catch => HeapLimitInOneCall, "for (;;) try { JSON.parse('[' + '[1],'.repeat(2e7) + '1]') } catch {}";
    Nothing string_over_the_maximum_length => Error("Invalid string length"), "'x'.repeat(2 ** 30)";
    Nothing just_fits => Fine, "const all = new Array(4e6).fill(1); JSON.parse(JSON.stringify(all.slice(0, 1e6))); structuredClone(all.slice(0, 1e6)); console.log('fine')";
};
