//! Ways to overflow the native stack.

use super::Ends::{Code, Crashed, Error, Fine};
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Nothing json_parse => Fine, "try { JSON.parse('['.repeat(5e6)) } catch {} console.log('fine')";
    Nothing json_parse_object => Fine, "try { JSON.parse('{\"a\":'.repeat(1e6)) } catch {} console.log('fine')";
    Nothing json_stringify => Fine, "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; try { JSON.stringify(a) } catch {} console.log('fine')";
    Nothing structured_clone => Fine, "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; try { structuredClone(a) } catch {} console.log('fine')";
    Nothing eval_of_brackets => Fine, "try { new Function('('.repeat(1e6)) } catch {} console.log('fine')";
    Nothing regular_expression_of_groups => Fine, "try { new RegExp('('.repeat(1e6)) } catch {} console.log('fine')";
    Nothing javascript_source => Error("call stack"), "await import('data:text/javascript,' + '!'.repeat(1e6) + '1')";
    Nothing typescript_of_brackets => Error("Nested too deeply"), "await import('data:application/typescript,' + '['.repeat(1e5))";
    Nothing typescript_of_operators => Error("call stack"), "await import('data:application/typescript,' + '!'.repeat(5e4) + '1')";
    Nothing typescript_of_arrows => Crashed("natively"), "await import('data:application/typescript,export default ' + 'x=>'.repeat(1e5) + '1')";
    Nothing typescript_of_members => Crashed("natively"), "await import('data:application/typescript,export default a' + '.b'.repeat(1e6))";
    Nothing causes => Error("x"), "let e = new Error('0'); for (let i = 0; i < 1e5; i++) e = new Error('x', { cause: e }); throw e";
    Nothing aggregates => Error(""), "let e = new Error('0'); for (let i = 0; i < 1e5; i++) e = new AggregateError([e]); throw e";
    Nothing proxies => Error("call stack"), "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x";
    Nothing bound_functions => Code(0), "let f = () => {}; for (let i = 0; i < 1e5; i++) f = f.bind(null); f()";
    Nothing ropes => Fine, "let s = ''; for (let i = 0; i < 1e6; i++) s = 'a' + s; if (s[5] === 'a') console.log('fine')";
    Nothing prototypes => Fine, "let o = null; for (let i = 0; i < 1e5; i++) o = Object.create(o); o.x; console.log('fine')";
    Nothing arguments_of_ops => Fine, "let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; for (const f of [() => Deno.permissions.query(a), () => crypto.subtle.importKey('jwk', a, 'x', true, []), () => new Intl.NumberFormat(a), () => fetch('data:,', { headers: a })]) try { await f() } catch {} console.log('fine')";
    Nothing blob_of_slices => Fine, "let b = new Blob(['x'.repeat(2e6)]); for (let i = 0; i < 2e5; i++) b = b.slice(1); if (b.size === 18e5 && (await b.slice(1, 3).text()) === 'xx') console.log('fine')";
    Nothing blob_of_slices_in_a_worker => Fine, "const w = new Worker('data:text/javascript,let b=new Blob([new Uint8Array(1e6)]);for(let i=0;i<1e5;i++)b=b.slice(1);postMessage(b)', { type: 'module' }); const b = await new Promise((done) => (w.onmessage = (e) => done(e.data))); if ((await b.arrayBuffer()).byteLength === 9e5) console.log('fine'); Deno.exit(0)";
    Nothing blob_of_blobs => Fine, "let b = new Blob(['x']); for (let i = 0; i < 1e5; i++) b = new Blob([b]); try { URL.createObjectURL(b) } catch {} console.log('fine')";
    Nothing ports_in_ports => Fine, "let port; for (let i = 0; i < 1e5; i++) { const { port1, port2 } = new MessageChannel(); port1.postMessage(0, port ? [port] : []); port = port2 } console.log('fine'); Deno.exit(0)";
    Nothing ports_in_ports_that_are_received => Fine, "let port, last; for (let i = 0; i < 1e3; i++) { const { port1, port2 } = new MessageChannel(); port1.postMessage(i, port ? [port] : []); last = port1; port = port2 } for (let i = 999; i >= 0; i--) { const { data, ports } = await new Promise((done) => (port.onmessage = done)); if (data !== i) throw data; port.close(); port = ports[0] } try { last.postMessage(0, [last]) } catch { console.log('fine') } Deno.exit(0)";
    Everything folders_in_folders => Fine, "const { mkdirSync, renameSync, rmSync, existsSync } = await import('node:fs'); const top = Deno.makeTempDirSync(); const path = '/a'.repeat(100); const make = (name) => mkdirSync(`${top}/${name}${path}`, { recursive: true }); make(0); for (let i = 1; i < 12; i++) { make(i); renameSync(`${top}/${i - 1}`, `${top}/${i}${path}/b`) } await Deno.remove(`${top}/11`, { recursive: true }); make(0); Deno.removeSync(`${top}/0`, { recursive: true }); make(1); rmSync(top, { recursive: true }); if (!existsSync(top)) console.log('fine')";
    Everything folders_in_folders_are_watched_and_copied => Fine, "const { mkdirSync, promises, cpSync, readdirSync } = await import('node:fs'); const top = Deno.makeTempDirSync(); mkdirSync(`${top}/0${'/a'.repeat(200)}`, { recursive: true }); const watcher = Deno.watchFs(top); const each = [() => cpSync(`${top}/0`, `${top}/1`, { recursive: true }), () => promises.cp(`${top}/0`, `${top}/2`, { recursive: true }), () => readdirSync(top, { recursive: true }), () => promises.readdir(top, { recursive: true })]; for (const act of each) await act(); watcher.close(); Deno.removeSync(top, { recursive: true }); console.log('fine')";
    Everything folders_in_a_path => Fine, "const fs = await import('node:fs'); const path = '/x'.repeat(1e5); for (const act of [() => Deno.mkdirSync(path, { recursive: true }), () => Deno.stat(path), () => fs.promises.stat(path), () => Deno.chdir(path), () => Deno.permissions.query({ name: 'read', path })]) try { await act() } catch {} console.log('fine')";
    Nothing imports => Error(""), "globalThis.n = 0; const next = () => import(`data:text/javascript,export default ${++n}`).then(() => n < 2000 && next()); await next(); throw new Error('done')";
};
