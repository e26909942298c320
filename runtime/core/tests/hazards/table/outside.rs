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
    Nothing buffer_that_is_larger_than_all => Refused("Invalid array buffer max length"), "const b = new ArrayBuffer(1, { maxByteLength: 2 ** 33 }); b.resize(2 ** 33); new Uint8Array(b).fill(1)";
    Nothing buffer_of_another_realm => Refused("Invalid array buffer max length"), "const vm = await import('node:vm'); vm.runInNewContext('const b = new ArrayBuffer(1, { maxByteLength: 2 ** 33 }); b.resize(2 ** 33); new Uint8Array(b).fill(1)')";
    Nothing wasm_memory_that_is_larger_than_any => Refused("refused"), "const code = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 11, 2, 1, 109, 2, 0, 3, 97, 100, 100, 0, 0, 10, 8, 1, 6, 0, 32, 0, 64, 0, 11]); const { m, add } = new WebAssembly.Instance(new WebAssembly.Module(code)).exports; if (add(16384) < 0) throw new Error('refused'); new Uint8Array(m.buffer).fill(1)";
    Nothing scrypt => Refused("limits.arrayBufferMb"), "const { scryptSync } = await import('node:crypto'); scryptSync('a', 'b', 32); scryptSync('a', 'b', 32, { N: 2 ** 18, r: 8, p: 1, maxmem: 2 ** 40 })";
    Nothing scrypt_beside => Refused("limits.arrayBufferMb"), "const { scrypt } = await import('node:crypto'); for (let i = 0; i < 8; i++) scrypt('a', 'b', 32, { N: 2 ** 14, r: 6, p: 1, maxmem: 2 ** 40 }, () => {})";
    Nothing rsa_key => Refused("is too large"), "const { generateKeyPairSync } = await import('node:crypto'); generateKeyPairSync('rsa', { modulusLength: 2 ** 31 - 1 })";
    Nothing rsa_pss_key => Refused("is too large"), "const { generateKeyPair } = await import('node:crypto'); generateKeyPair('rsa-pss', { modulusLength: 2 ** 31 - 1 }, () => {})";
    Nothing dsa_key => Refused("is too large"), "const { generateKeyPairSync } = await import('node:crypto'); generateKeyPairSync('dsa', { modulusLength: 2 ** 31 - 1 })";
    Nothing dh_key => Refused("is too large"), "const { createDiffieHellman } = await import('node:crypto'); createDiffieHellman(2 ** 31 - 1)";
    Nothing prime => Refused("is too large"), "const { generatePrimeSync } = await import('node:crypto'); generatePrimeSync(2 ** 31 - 1)";
    Nothing secret_key => Refused("limits.arrayBufferMb"), "const { generateKeySync } = await import('node:crypto'); generateKeySync('hmac', { length: 2 ** 31 - 1 })";
    Nothing web_rsa_key => Refused("is too large"), "await crypto.subtle.generateKey({ name: 'RSA-PSS', modulusLength: 2 ** 31 - 1, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign', 'verify'])";
    Nothing two_faced_web_rsa_key => Refused("is too large"), "let n = 1; const modulusLength = { valueOf: () => (n++ > 1 ? 2 ** 31 - 1 : 2048) }; const make = () => crypto.subtle.generateKey({ name: 'RSA-PSS', modulusLength, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign', 'verify']); await make(); await make()";
    Nothing web_hmac_key => Refused("limits.arrayBufferMb"), "await crypto.subtle.generateKey({ name: 'HMAC', length: 2 ** 32 - 8, hash: 'SHA-256' }, true, ['sign'])";
    Nothing large_png => Refused("limits.arrayBufferMb"), "const { deflateSync, crc32 } = await import('node:zlib'); const big = (n) => [n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255]; const chunk = (name, body) => { const all = Buffer.concat([Buffer.from(name), Buffer.from(body)]); return Buffer.concat([Buffer.from(big(body.length)), all, Buffer.from(big(crc32(all)))]) }; const png = (size) => new Blob([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', [...big(size), ...big(size), 8, 6, 0, 0, 0]), chunk('IDAT', deflateSync(Buffer.alloc(Math.min(1e7, size * (size * 4 + 1))))), chunk('IEND', [])]); if ((await createImageBitmap(png(100))).width !== 100) throw 'no image'; await createImageBitmap(png(20000))";
    Nothing large_cut_of_an_image => Refused("limits.arrayBufferMb"), "await createImageBitmap(new ImageData(10, 10), 0, 0, 20000, 20000)";
    Nothing image_that_is_made_larger => Refused("limits.arrayBufferMb"), "await createImageBitmap(new ImageData(10, 10), { resizeWidth: 20000 })";
    Nothing error_of_many_characters => Refused("bytes)"), "throw new Error('x'.repeat(1e7))";
};
