//! Ways to end.

use super::Ends::{Busy, Code, Error, Fine, Signal, Stuck};
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Nothing deno_exit => Code(7), "Deno.exit(7)";
    Nothing process_exit => Code(7), "process.exit(7)";
    Nothing process_really_exit => Code(7), "process.exitCode = 7; process.reallyExit(7)";
    Nothing exit_code => Code(7), "process.exitCode = 7";
    Nothing deno_exit_code => Code(7), "Deno.exitCode = 7";
    Nothing close => Code(0), "close(); setInterval(() => {}, 1000)";
    Nothing exit_and_go_on => Code(7), "try { Deno.exit(7) } catch {} finally { for (;;); }";
    Nothing exit_in_timer => Code(7), "setTimeout(() => Deno.exit(7), 5); setInterval(() => {}, 1000)";
    Nothing exit_in_promise => Code(7), "Promise.resolve().then(() => process.exit(7)); await new Promise(() => {})";
    Nothing exit_in_await => Code(7), "await 1; Deno.exit(7); await 2";
    Nothing exit_in_import => Code(7), "await import('data:text/javascript,Deno.exit(7)')";
    Nothing exit_in_exit_listener => Code(7), "process.on('exit', () => process.exit(7))";
    Nothing exit_in_unload => Code(7), "addEventListener('unload', () => Deno.exit(7))";
    Nothing exit_in_getter => Code(7), "JSON.stringify({ get a() { Deno.exit(7) } })";
    Nothing exit_refused => Busy, "addEventListener('beforeunload', (e) => { e.preventDefault(); setTimeout(() => {}, 5) })";
    Nothing abort => Signal(6), "process.abort()";
    Nothing kill_own_pid => Signal(9), "process.kill(process.pid, 'SIGKILL')";
    Nothing deno_kill_own_pid => Signal(15), "Deno.kill(Deno.pid)";
    Nothing kill_own_group => Signal(15), "process.kill(0, 'SIGTERM')";
    Everything kill_all => Signal(9), "process.kill(-1, 'SIGKILL')";
    Nothing kill_the_hosts_parent => Error("NotCapable"), "process.kill(process.ppid, 0); process.kill(process.ppid, 'SIGTERM')";
    Nothing throws => Error("Error: on purpose"), "throw new Error('on purpose')";
    Nothing throws_later => Error("Error: on purpose"), "setTimeout(() => { throw new Error('on purpose') })";
    Nothing rejects => Error("Error: on purpose"), "Promise.reject(new Error('on purpose')); await new Promise((r) => setTimeout(r, 1000))";
    Nothing throws_nothing => Error("undefined"), "throw undefined";
    Nothing throws_in_listener => Error("on purpose"), "addEventListener('x', () => { throw new Error('on purpose') }); dispatchEvent(new Event('x'))";
    Nothing throws_in_emitter => Error("on purpose"), "process.on('x', () => { throw new Error('on purpose') }); process.emit('x')";
    Nothing throws_in_unhandled_rejection => Error("again"), "addEventListener('unhandledrejection', () => { throw new Error('again') }); Promise.reject(1)";
    Nothing throws_in_uncaught_exception => Error("again"), "process.on('uncaughtException', () => { throw new Error('again') }); throw new Error('on purpose')";
    Nothing throws_in_prepare_stack_trace => Error("on purpose"), "Error.prepareStackTrace = () => { throw 1 }; throw new Error('on purpose')";
    Nothing throws_an_object_that_throws => Error(""), "throw new Proxy(new Error('x'), { get() { throw 1 }, has() { throw 2 }, getPrototypeOf() { throw 3 } })";
    Nothing throws_a_cycle => Error("around"), "class E extends Error { get cause() { return this } } throw new E('around')";
    Nothing throws_while_exiting => Error("on purpose"), "process.on('exit', () => { throw new Error('on purpose') })";
    Nothing loops_while_exiting => Stuck, "process.on('exit', () => { for (;;); })";
    Nothing handles_its_own_error => Fine, "process.on('uncaughtException', () => console.log('fine')); setTimeout(() => { throw 1 })";
    Nothing syntax_error => Error("SyntaxError"), "await import('data:text/javascript,}{')";
    Nothing missing_import => Error("Cannot find module"), "await import('./nowhere.mjs')";
};
