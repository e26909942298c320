//! Attempts to change process-wide state of the application.

use super::Ends::{Code, Error, Fine};
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Everything chdir => Fine, "Deno.chdir('/'); process.chdir('/tmp'); if (process.cwd() === '/tmp') console.log('fine')";
    Everything umask => Fine, "process.umask(0o777); Deno.umask?.(0); console.log('fine')";
    Everything set_env => Fine, "Deno.env.set('HAZARD', '1'); process.env.HAZARD_2 = '1'; delete process.env.PATH; Deno.env.delete('HOME'); console.log('fine')";
    Everything title => Fine, "process.title = 'hazard'; console.log('fine')";
    Everything set_uid => Error("cannot change the application's user"), "process.setuid(12345)";
    Everything set_gid => Error("cannot change the application's user"), "process.setegid(12345)";
    Everything priority => Error("cannot change the application's priority"), "(await import('node:os')).setPriority(19)";
    Everything signal_listeners => Fine, "for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGSEGV', 'SIGCHLD', 'SIGPIPE']) { process.on(s, () => {}); try { Deno.addSignalListener(s, () => {}) } catch {} } process.removeAllListeners(); console.log('fine'); Deno.exit()";
    Everything prompts => Fine, "if (prompt('?') === null && confirm('?') === false && alert('!') === undefined) console.log('fine')";
    Everything terminal => Error("no terminal"), "new (await import('node:tty')).ReadStream(0)";
    Everything raw_mode => Error(""), "Deno.stdin.setRaw(true)";
    Everything socket_on_stdin => Error(""), "const { Socket } = await import('node:net'); new Socket({ fd: 0 }).on('data', console.log)";
    Everything socket_on_stdout => Error(""), "const { Socket } = await import('node:net'); new Socket({ fd: 1 }).write('LEAK\\n')";
    Everything close_descriptors => Code(0), "const fs = await import('node:fs'); for (let fd = 0; fd < 64; fd++) try { fs.closeSync(fd) } catch {} setTimeout(() => {}, 5)\nDeno.exit(0)";
    Everything v8_flags => Fine, "(await import('node:v8')).setFlagsFromString('--stack-size=100000'); console.log('fine')";
    Everything heap_snapshot => Error(""), "(await import('node:v8')).writeHeapSnapshot('/dev/null/x')";
    Everything inspector => Error("inspector"), "(await import('node:inspector')).open(0)";
    Everything ffi => Error(""), "Deno.dlopen('libc.so.6', { abort: { parameters: [], result: 'void' } }).symbols.abort()";
    Everything native_addon => Error(""), "process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6')";
    Everything ops => Fine, "if (Object.getOwnPropertySymbols(Deno).length === 0 && Deno.core === undefined) console.log('fine')";
    Everything binding => Fine, "for (const name of ['fs', 'natives', 'config', 'process_wrap', 'spawn_sync', 'uv', 'constants', 'tty_wrap']) try { process.binding(name) } catch {} console.log('fine')";
    Everything unstable_features => Fine, "for (const f of [() => Deno.openKv(':memory:'), () => Deno.cron?.('a', '* * * * *', () => {}), () => navigator.gpu?.requestAdapter()]) try { await f() } catch {} console.log('fine'); Deno.exit(0)";
    Everything broken_primordials => Fine, "for (const k of ['push', 'map', 'then', 'call', 'apply', 'get', 'set', 'toString']) for (const p of [Array.prototype, Promise.prototype, Function.prototype, Map.prototype, Object.prototype]) try { p[k] = () => { throw 1 } } catch {} Deno.stdout.writeSync(new Uint8Array([102, 105, 110, 101, 10])); Deno.exit(0)";
    Everything no_globals => Fine, "console.log('fine'); for (const k of Reflect.ownKeys(globalThis)) try { delete globalThis[k] } catch {}";
};
