//! Native functions that are called as the engine's own modules never call them.

use super::Ends::Fine;
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Nothing compressors_that_are_not_set_up => Fine, "const zlib = await import('node:zlib'); for (const make of [zlib.createDeflate, zlib.createInflate, zlib.createBrotliCompress, zlib.createBrotliDecompress, zlib.createZstdCompress, zlib.createZstdDecompress]) { const { constructor: Handle } = make()._handle; for (const name of ['write', 'writeSync', 'reset', 'params', 'close']) { const handle = new Handle(1); try { handle[name](0, Buffer.alloc(8), 0, 8, Buffer.alloc(8), 0, 8, new Uint32Array(2)) } catch {} } } console.log('fine')";
    Nothing compressors_that_are_closed => Fine, "const zlib = await import('node:zlib'); for (const make of [zlib.createDeflate, zlib.createInflate, zlib.createBrotliCompress, zlib.createBrotliDecompress, zlib.createZstdCompress, zlib.createZstdDecompress]) { for (const name of ['write', 'writeSync', 'reset', 'params', 'close']) { const { _handle: handle } = make(); handle.close(); try { handle[name](0, Buffer.alloc(8), 0, 8, Buffer.alloc(8), 0, 8, new Uint32Array(2)) } catch {} } } console.log('fine')";
    Nothing compressors_that_tell_no_one => Fine, "const zlib = await import('node:zlib'); for (const make of [zlib.createInflate, zlib.createBrotliDecompress, zlib.createZstdDecompress]) { for (const name of ['write', 'writeSync']) { const { _handle: handle } = make(); let asked = 0; for (const act of [() => (handle.onerror = 1), () => delete handle.onerror, () => Object.defineProperty(handle, 'onerror', { get: () => (asked++ === 0 ? () => {} : 1) })]) { act(); try { handle[name](0, Buffer.from('not compressed'), 0, 8, Buffer.alloc(8), 0, 8, new Uint32Array(2)) } catch {} } } } console.log('fine')";
    Nothing errors_before_their_line => Fine, "const vm = await import('node:vm'); for (const columnOffset of [-1, -(2 ** 31), 2 ** 31 - 1]) try { new vm.Script('throw new Error(1)', { filename: 'x.js', columnOffset }).runInThisContext() } catch {} console.log('fine')";
};
