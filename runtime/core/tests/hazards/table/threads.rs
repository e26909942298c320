//! Workers and child processes, which must end with the script.

use super::Ends::{Busy, Code, Error, Fine, HeapLimit, Stuck};
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Nothing worker_answers => Fine, "const w = new Worker('data:text/javascript,onmessage=(e)=>postMessage(e.data+1)', { type: 'module' }); w.postMessage(1); if (await new Promise((r) => (w.onmessage = (e) => r(e.data))) === 2) console.log('fine'); Deno.exit(0)";
    Nothing thread_answers => Fine, "const { Worker } = await import('node:worker_threads'); const w = new Worker('require(\"worker_threads\").parentPort.on(\"message\", (m) => require(\"worker_threads\").parentPort.postMessage(m + 1))', { eval: true }); w.postMessage(1); if (await new Promise((r) => w.on('message', r)) === 2) console.log('fine'); await w.terminate()";
    Nothing worker_loops => Busy, "new Worker('data:text/javascript,for(;;);', { type: 'module' })";
    Nothing worker_loops_and_script_exits => Code(7), "new Worker('data:text/javascript,for(;;);', { type: 'module' }); setTimeout(() => Deno.exit(7), 50)";
    Nothing worker_loops_and_is_terminated => Busy, "const w = new Worker('data:text/javascript,for(;;);', { type: 'module' }); setTimeout(() => { w.terminate() }, 50)";
    Nothing script_loops_with_worker => Stuck, "new Worker('data:text/javascript,setInterval(()=>{},1)', { type: 'module' }); await new Promise((r) => setTimeout(r, 50)); for (;;);";
    Nothing worker_waits => Busy, "new Worker('data:text/javascript,Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0)', { type: 'module' })";
    Nothing worker_throws => Error("Unhandled error in child worker"), "new Worker('data:text/javascript,throw new Error(1)', { type: 'module' }); setInterval(() => {}, 1000)";
    Nothing worker_error_is_handled => Fine, "const w = new Worker('data:text/javascript,throw new Error(1)', { type: 'module' }); w.onerror = (e) => { e.preventDefault(); console.log('fine') }";
    Nothing worker_exits => Fine, "const w = new Worker('data:text/javascript,Deno.exit(7)', { type: 'module' }); setTimeout(() => { console.log('fine'); Deno.exit(0) }, 100)";
    Nothing thread_exits => Fine, "const { Worker } = await import('node:worker_threads'); const w = new Worker('process.exit(7)', { eval: true }); w.on('exit', (c) => c === 7 && console.log('fine'))";
    Nothing worker_aborts => Error("Unhandled error in child worker"), "new Worker('data:text/javascript,process.abort()', { type: 'module' }); setInterval(() => {}, 1000)";
    Nothing worker_fills_its_heap => HeapLimit, "new Worker('data:text/javascript,const all=[];for(;;)all.push({})', { type: 'module' })";
    Nothing thread_fills_a_heap_of_its_own => Fine, "const { Worker } = await import('node:worker_threads'); const w = new Worker('const all = []; for (;;) all.push({})', { eval: true, resourceLimits: { maxOldGenerationSizeMb: 20 } }); w.on('error', (e) => e.code === 'ERR_WORKER_OUT_OF_MEMORY' && console.log('fine'))";
    Nothing thread_of_small_stack => Fine, "const { Worker } = await import('node:worker_threads'); const w = new Worker('(function f() { f() })()', { eval: true, resourceLimits: { stackSizeMb: 0.1 } }); w.on('error', () => console.log('fine'))";
    Nothing thread_of_giant_stack => Fine, "const { Worker } = await import('node:worker_threads'); const w = new Worker('(function f() { f() })()', { eval: true, resourceLimits: { stackSizeMb: 1e12 } }); w.on('error', () => console.log('fine'))";
    Nothing worker_takes_all_buffers => Error("Array buffer allocation failed"), "new Worker('data:text/javascript,globalThis.all=[];try{for(;;)all.push(new ArrayBuffer(2**20))}catch{postMessage(0)}setInterval(()=>{},1000)', { type: 'module' }).onmessage = () => new ArrayBuffer(2 ** 22)";
    Nothing endless_workers => Error("Unhandled error in child worker"), "for (;;) { new Worker('data:text/javascript,setInterval(()=>{},1000)', { type: 'module' }); await new Promise((r) => setTimeout(r)) }";
    Nothing workers_of_workers => Busy, "globalThis.code = 'onerror=(e)=>e.preventDefault();setInterval(()=>{},1000);'; const deep = (n) => n ? code + `new Worker(\"data:text/javascript,\" + ${JSON.stringify(encodeURIComponent(deep(n - 1)))}, {type:\"module\"}).onerror=(e)=>e.preventDefault()` : code; new Worker('data:text/javascript,' + encodeURIComponent(deep(6)), { type: 'module' })";
    Nothing worker_with_more_permissions => Error("NotCapable"), "new Worker('data:text/javascript,', { type: 'module', deno: { permissions: { net: true } } })";
    Nothing worker_from_outside => Error("Unhandled error in child worker"), "new Worker('file:///etc/hostname.js', { type: 'module' }); setInterval(() => {}, 1000)";
    Nothing message_to_foreign_thread => Error("threads by ID"), "const { postMessageToThread } = await import('node:worker_threads'); await postMessageToThread(0xffff, 'x')";
    Nothing worker_floods => Busy, "new Worker('data:text/javascript,for(;;)console.log(1)', { type: 'module' })";
    Nothing worker_posts_endlessly => HeapLimit, "const w = new Worker('data:text/javascript,for(;;)postMessage(new Array(1e4).fill(1.5))', { type: 'module' }); globalThis.all = []; w.onmessage = (e) => all.push(e.data)";
    Everything children_end_with_the_script => Code(0), "const { spawn } = await import('node:child_process'); for (let i = 0; i < 5; i++) spawn('sleep', ['60'], { detached: true }).unref(); new Deno.Command('sleep', { args: ['60'] }).spawn().unref(); Deno.exit(0)";
    Everything children_are_killed_with_the_script => Busy, "const { spawn } = await import('node:child_process'); spawn('sh', ['-c', 'trap \"\" TERM; sleep 60 & sleep 60']); await new Promise(() => setInterval(() => {}, 1000))";
    Everything children_of_workers_end => Code(0), "const { Worker } = await import('node:worker_threads'); new Worker('require(\"child_process\").spawn(\"sleep\", [\"60\"]); require(\"worker_threads\").parentPort.postMessage(0)', { eval: true }).on('message', () => setTimeout(() => Deno.exit(0), 50))";
    Everything children_get_the_scripts_streams => Fine, "const { spawnSync } = await import('node:child_process'); spawnSync('sh', ['-c', 'echo LEAK; echo LEAK >&2; cat'], { stdio: ['ignore', 'inherit', 'inherit'] }); await new Deno.Command('sh', { args: ['-c', 'echo LEAK'], stdin: 'null', stdout: 'inherit', stderr: 'inherit' }).spawn().status; console.log('fine')";
    Everything children_keep_the_scripts_stdin => Busy, "const { spawnSync } = await import('node:child_process'); spawnSync('cat', { stdio: 'inherit' }); spawnSync('cat', { stdio: 'inherit' }); await new Deno.Command('cat', { stdin: 'inherit' }).spawn().status";
    Everything fork => Fine, "const { fork } = await import('node:child_process'); await new Promise((done) => fork('x.mjs', { stdio: 'ignore' }).on('exit', done).on('error', done)); console.log('fine')";
    Everything starts_the_app_again => Fine, "const { spawnSync } = await import('node:child_process'); const app = await Deno.readLink('/proc/self/exe').catch(() => ''); if (process.execPath === app) throw new Error('the application'); spawnSync(process.execPath, ['-e', '1']); console.log('fine')";
    Everything starts_the_app_through_deno => Fine, "const app = await Deno.readLink('/proc/self/exe').catch(() => ''); if (Deno.execPath() === app) throw new Error('the application'); await new Deno.Command(Deno.execPath(), { args: ['--version'] }).output().catch(() => {}); console.log('fine')";
    Everything cluster => Fine, "const cluster = (await import('node:cluster')).default; if (cluster.isWorker) process.exit(0); await new Promise((done) => cluster.fork().on('exit', done).on('error', done)); console.log('fine')";
};
