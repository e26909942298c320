//! Ways to keep a thread for ever.

use super::Ends::{Busy, BusyForGood, Error, Fine, Stuck};
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Nothing loop_in_module => Stuck, "for (;;);";
    Nothing loop_in_callback => Stuck, "setTimeout(() => { for (;;); })";
    Nothing loop_in_await => Stuck, "await 1; for (;;);";
    Nothing loop_in_import => Stuck, "await import('data:text/javascript,for(;;);')";
    Nothing loop_in_getter => Stuck, "JSON.stringify({ get a() { for (;;); } })";
    Nothing loop_in_to_string => Stuck, "`${{ toString() { for (;;); } }}`";
    Nothing loop_in_catch => Stuck, "for (;;) try { null.x } catch {}";
    Nothing loop_in_finally => Stuck, "for (;;) try { for (;;); } finally { continue }";
    Nothing loop_in_generator => Stuck, "for (const _ of (function* () { for (;;) yield 1 })());";
    Nothing loop_in_proxy => Stuck, "const p = new Proxy({}, { get() { for (;;); } }); p.x";
    Nothing loop_in_sort => Stuck, "[1, 2].sort(() => { for (;;); })";
    Nothing loop_in_sort_of_many => Stuck, "for (;;) Array.from({ length: 1e5 }, Math.random).sort()";
    Nothing loop_with_small_arrays => Stuck, "for (;;) new Array(1000)";
    Nothing loop_of_microtasks => Stuck, "const again = () => { Promise.resolve().then(again) }; again()";
    Nothing loop_of_ticks => Stuck, "const again = () => process.nextTick(again); again()";
    Nothing loop_of_awaits => Stuck, "for (;;) await null";
    Nothing loop_of_immediates => Busy, "const again = () => setImmediate(again); again()";
    Nothing loop_of_timers => Busy, "const again = () => setTimeout(again); again()";
    Nothing loop_of_messages => Busy, "const { port1, port2 } = new MessageChannel(); port2.onmessage = () => port1.postMessage(0); port1.postMessage(0)";
    Nothing loop_of_errors => Busy, "process.on('uncaughtException', () => {}); setInterval(() => { throw new Error('again') }, 0)";
    Nothing loop_of_rejections => Busy, "process.on('unhandledRejection', () => {}); setInterval(() => Promise.reject(1), 0)";
    Nothing regular_expression => Stuck, "/^(a+)+$/.test('a'.repeat(60) + 'b')";
    Nothing big_integer => Stuck, "let n = 3n; for (let i = 0; i < 24; i++) n *= n; n.toString()";
    Nothing wasm_loop => Stuck, "new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11]))).exports.f()";
    Nothing atomics_wait => Stuck, "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)";
    Nothing atomics_wait_in_a_microtask => Stuck, "queueMicrotask(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))";
    Nothing read_sync => Busy, "Deno.stdin.readSync(new Uint8Array(1))";
    Nothing read_file_sync => Busy, "(await import('node:fs')).readFileSync(0)";
    Everything sleeps_in_a_child => Stuck, "(await import('node:child_process')).execSync('sleep 60')";
    Everything waits_for_a_child => Busy, "await new Deno.Command('sleep', { args: ['60'] }).output()";
    Everything reads_a_fifo => BusyForGood, "const at = Deno.makeTempDirSync(); await new Deno.Command('mkfifo', { args: [at + '/f'] }).output(); setTimeout(() => Deno.removeSync(at, { recursive: true }), 20); await Deno.readFile(at + '/f')";
    Nothing hundred_thousand_timers => Busy, "for (let i = 0; i < 1e5; i++) setInterval(() => {}, 1000)";
    Nothing ten_thousand_promises => Fine, "await Promise.all(Array.from({ length: 1e4 }, () => new Promise((r) => setTimeout(r)))); console.log('fine')";
    Nothing stdout_flood => Busy, "for (;;) await Deno.stdout.write(new Uint8Array(65536).fill(10))";
    Nothing stdout_flood_sync => Stuck, "for (;;) console.log('x'.repeat(100))";
    Nothing stderr_flood => Stuck, "for (;;) console.error('x'.repeat(100))";
    Nothing endless_line => Stuck, "const data = new Uint8Array(65536).fill(120); for (;;) Deno.stdout.writeSync(data)";
    Nothing deep_recursion => Error("Maximum call stack"), "(function f() { f() })()";
    Nothing deep_async_recursion => Error("Maximum call stack"), "await (async function f() { await f() })()";
    Nothing deep_recursion_caught => Stuck, "(function f() { try { f() } finally { f() } })()";
    Nothing sync_key_derivation => Stuck, "const { pbkdf2Sync } = await import('node:crypto'); for (;;) pbkdf2Sync('a', 'b', 1000, 64, 'sha512')";
    Nothing ignores_sigterm => Busy, "process.on('SIGTERM', () => {}); Deno.addSignalListener('SIGTERM', () => {}); setInterval(() => {}, 10)";
};
