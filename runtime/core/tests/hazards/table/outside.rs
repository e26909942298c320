//! Ways to take memory that is on no heap and in no buffer.

use super::Ends::{MemoryLimit, Refused, SmallHeapLimit};
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Nothing blobs => MemoryLimit, "const all = []; for (let i = 0; ; i++) all.push(new Blob(['x'.repeat(1e6) + i]))";
    Nothing blobs_in_turns => MemoryLimit, "const all = []; for (let i = 0; ; i++) { all.push(new Blob(['x'.repeat(1e6) + i])); await new Promise((r) => setTimeout(r)) }";
    Nothing blobs_of_a_worker => MemoryLimit, "new Worker('data:text/javascript,setTimeout(() => { const all = []; for (let i = 0; ; i++) all.push(new Blob([%22x%22.repeat(1e6) + i])) }, 200)', { type: 'module' })";
    Nothing object_urls => MemoryLimit, "for (let i = 0; ; i++) URL.createObjectURL(new Blob(['x'.repeat(1e6) + i]))";
    Nothing messages_that_nobody_reads => MemoryLimit, "const { port1, port2 } = new MessageChannel(); globalThis.keep = port2; const s = 'x'.repeat(1e6); for (;;) port1.postMessage(s)";
    Nothing messages_to_a_busy_worker => MemoryLimit, "const w = new Worker('data:text/javascript,for(;;);', { type: 'module' }); const s = 'x'.repeat(1e6); for (;;) w.postMessage(s)";
    Nothing messages_to_a_busy_thread => MemoryLimit, "const { Worker } = await import('node:worker_threads'); const w = new Worker('for (;;);', { eval: true }); const s = 'x'.repeat(1e6); for (;;) w.postMessage(s)";
    Nothing sqlite_of_many_rows => Refused("out of memory"), "const { DatabaseSync } = await import('node:sqlite'); const db = new DatabaseSync(':memory:'); db.exec('create table t (x)'); const insert = db.prepare('insert into t values (randomblob(1000000))'); for (;;) insert.run()";
    Nothing sqlite_in_one_query => Refused("out of memory"), "const { DatabaseSync } = await import('node:sqlite'); const db = new DatabaseSync(':memory:'); db.exec('create table t (x)'); db.exec('insert into t with recursive n(i) as (select 1 union all select i + 1 from n) select randomblob(10000) from n')";
    Nothing sqlite_of_one_value => Refused("out of memory"), "const { DatabaseSync } = await import('node:sqlite'); new DatabaseSync(':memory:').prepare('select length(randomblob(900000000))').all()";
    Nothing formats_of_dates => MemoryLimit, "const all = []; for (let i = 0; ; i++) all.push(new Intl.DateTimeFormat('en', { timeZone: 'Europe/Berlin', minimumFractionDigits: i % 3 }))";
    Nothing wasm_memories_of_another_realm => MemoryLimit, "const vm = await import('node:vm'); const { Memory } = vm.runInNewContext('WebAssembly'); const all = []; for (;;) { const m = new Memory({ initial: 100 }); new Uint8Array(m.buffer).fill(1); all.push(m) }";
    Nothing wasm_memory_that_its_module_grows => MemoryLimit, "const code = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 11, 2, 1, 109, 2, 0, 3, 97, 100, 100, 0, 0, 10, 8, 1, 6, 0, 32, 0, 64, 0, 11]); const { m, add } = new WebAssembly.Instance(new WebAssembly.Module(code)).exports; for (;;) { add(100); new Uint8Array(m.buffer).fill(1) }";
    Nothing wasm_buffer_that_is_resized => MemoryLimit, "const all = []; for (;;) { const m = new WebAssembly.Memory({ initial: 1, maximum: 300 }); const b = m.toResizableBuffer(); b.resize(100 * 65536); new Uint8Array(b).fill(1); all.push(m) }";
    Nothing buffers_that_are_resized => SmallHeapLimit, "const all = []; for (;;) { const b = new ArrayBuffer(1, { maxByteLength: 2 ** 23 }); b.resize(2 ** 23); new Uint8Array(b).fill(1); all.push(b) }";
    Nothing contexts => SmallHeapLimit, "const vm = await import('node:vm'); const all = []; for (;;) all.push(vm.createContext({}))";
    Nothing wasm_code => SmallHeapLimit, "const leb = (n) => { const out = []; do { out.push((n & 127) | (n > 127 ? 128 : 0)); n >>= 7 } while (n); return out }; const section = (id, body) => [id, ...leb(body.length), ...body]; const body = [0, ...new Array(3e4).fill([65, 1, 26]).flat(), 11]; const code = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, ...section(1, [1, 96, 0, 0]), ...section(3, [1, 0]), ...section(7, [1, 1, 102, 0, 0]), ...section(10, [1, ...leb(body.length), ...body])]); const all = []; for (;;) { const i = new WebAssembly.Instance(new WebAssembly.Module(code)); i.exports.f(); all.push(i) }";
};
