//! Resources that processes share, and resources that must be released at exit.

use super::Ends::{Busy, Code, Error, Fine};
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Nothing broadcasts => Busy, "const c = new BroadcastChannel('neighbours'); c.onmessage = () => { throw 1 }; setInterval(() => c.postMessage('x'), 1)";
    Nothing locks_of_others => Fine, "const { held } = await navigator.locks.query(); if (held.length === 0 && await navigator.locks.request('neighbours', { ifAvailable: true }, (l) => l !== null)) console.log('fine')";
    Nothing locks_held_forever => Busy, "navigator.locks.request('neighbours', () => new Promise(() => {})); setInterval(() => {}, 1000)";
    Nothing locks_stolen => Fine, "await navigator.locks.request('neighbours', { steal: true }, () => console.log('fine'))";
    Nothing locks_by_a_faked_process_id => Fine, "globalThis.jsRuntimeProcess === undefined || (() => { 'use strict'; try { globalThis.jsRuntimeProcess = '1:' } catch {} try { Object.defineProperty(globalThis, 'jsRuntimeProcess', { value: '1:' }) } catch {} })(); const { held } = await navigator.locks.query(); if (held.length === 0) console.log('fine')";
    Nothing caches => Error(""), "const cache = await caches.open('neighbours'); await cache.put('http://localhost/x', new Response('x'))";
    Nothing local_storage => Error(""), "localStorage.setItem('neighbours', 'x'); if (localStorage.getItem('neighbours') !== 'x') throw 1; throw new Error('in memory only')";
    Everything listens => Busy, "Deno.listen({ port: 0, hostname: '127.0.0.1' }); Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, () => new Response()); (await import('node:net')).createServer().listen(0)";
    Everything listens_and_exits => Code(0), "Deno.listen({ port: 0, hostname: '127.0.0.1' }); (await import('node:net')).createServer().listen(0, () => Deno.exit(0))";
    Everything opens_many_files => Busy, "globalThis.all = []; for (let i = 0; i < 100; i++) all.push(await Deno.open('/dev/null')); const fs = await import('node:fs'); for (let i = 0; i < 100; i++) fs.openSync('/dev/null'); setInterval(() => {}, 1000)";
    Everything connects => Busy, "const l = Deno.listen({ port: 0, hostname: '127.0.0.1' }); globalThis.all = []; for (let i = 0; i < 20; i++) all.push(await Deno.connect({ port: l.addr.port, hostname: '127.0.0.1' })); setInterval(() => {}, 1000)";
    Everything watches_files => Busy, "for await (const _ of Deno.watchFs('/tmp', { recursive: false }));";
    Everything uses_blocking_threads => Busy, "const fs = await import('node:fs'); setInterval(() => { for (let i = 0; i < 50; i++) fs.readFile('/proc/self/maps', () => {}) }, 1)";
    Nothing rejects_while_killed => Busy, "process.on('SIGTERM', () => { Promise.reject(new Error('late')); for (;;) new Array(1000) }); setInterval(() => {}, 1000)";
    Nothing writes_while_killed => Busy, "process.on('SIGTERM', () => { for (;;) console.log('x') }); setInterval(() => {}, 1000)";
    Nothing closes_its_streams => Fine, "console.log('fine'); for (const f of [() => Deno.stdin.close(), () => Deno.stdout.close(), () => Deno.stderr.close(), () => process.stdin.destroy(), () => process.stdout.destroy()]) try { f() } catch {}";
    Nothing locks_its_stdin => Busy, "const r = Deno.stdin.readable.getReader(); const all = []; for (let i = 0; i < 100; i++) all.push(r.read()); await Promise.all(all)";
};
