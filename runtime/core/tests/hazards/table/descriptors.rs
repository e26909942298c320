//! Descriptors of every kind, which must be closed after the exit.

use super::Ends::{Busy, Code};
use super::{Hazard, hazards};

pub(super) const HAZARDS: &[Hazard] = hazards! {
    Everything pipes_without_a_reader => Code(0), "try { const { createPipe } = process.binding('pipe_wrap'); for (let i = 0; i < 200; i++) createPipe() } catch {} Deno.exit(0)";
    Everything sockets_that_are_duplicated => Code(0), "const server = (await import('node:net')).createServer(); server.listen(0, '127.0.0.1', () => { try { for (let i = 0; i < 200; i++) server._handle.fdForIpc() } catch {} Deno.exit(0) })";
    Everything sockets_of_node => Busy, "const net = await import('node:net'); globalThis.all = []; const server = net.createServer((s) => all.push(s)).listen(0, '127.0.0.1', () => { for (let i = 0; i < 50; i++) all.push(net.connect(server.address().port, '127.0.0.1')) })";
    Everything sockets_of_node_and_exits => Code(0), "const net = await import('node:net'); globalThis.all = []; let accepted = 0; const server = net.createServer(() => { if (++accepted === 40) Deno.exit(0) }).listen(0, '127.0.0.1', () => { for (let i = 0; i < 50; i++) all.push(net.connect(server.address().port, '127.0.0.1')) })";
    Everything unix_sockets => Busy, "const net = await import('node:net'); globalThis.all = []; const path = `${Deno.makeTempDirSync()}/s`; const server = net.createServer((s) => all.push(s)).listen(path, () => { for (let i = 0; i < 50; i++) all.push(net.connect(path)); all[49].on('connect', () => Deno.removeSync(path)) })";
    Everything datagrams => Busy, "const dgram = await import('node:dgram'); for (let i = 0; i < 50; i++) dgram.createSocket('udp4').bind(0, '127.0.0.1'); globalThis.all = []; for (let i = 0; i < 50; i++) all.push(Deno.listenDatagram?.({ port: 0, hostname: '127.0.0.1', transport: 'udp' }))";
    Everything file_descriptors => Code(0), "const fs = await import('node:fs'); for (let i = 0; i < 200; i++) fs.openSync('/dev/null'); await Promise.all(Array.from({ length: 200 }, () => new Promise((done) => fs.open('/dev/null', done)))); Deno.exit(0)";
    Everything databases => Busy, "const { DatabaseSync } = await import('node:sqlite'); globalThis.all = []; const folder = Deno.makeTempDirSync(); for (let i = 0; i < 20; i++) { const db = new DatabaseSync(`${folder}/${i}`); db.exec('create table t(x); begin; insert into t values (1)'); all.push(db) } setInterval(() => {}, 1000)";
    Everything many_watchers => Busy, "const fs = await import('node:fs'); globalThis.all = []; for (let i = 0; i < 10; i++) all.push(fs.watch(import.meta.dirname, () => {}), Deno.watchFs(import.meta.dirname)[Symbol.asyncIterator]().next()); setInterval(() => {}, 1000)";
    Everything web_sockets => Busy, "globalThis.all = []; const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, (request) => { const { socket, response } = Deno.upgradeWebSocket(request); all.push(socket); return response }); for (let i = 0; i < 20; i++) all.push(new WebSocket(`ws://127.0.0.1:${server.addr.port}`)); setInterval(() => {}, 1000)";
    Everything http_servers => Busy, "const http = await import('node:http'); globalThis.all = []; for (let i = 0; i < 10; i++) { const server = http.createServer((_, response) => response.write('x')).listen(0, '127.0.0.1', () => all.push(fetch(`http://127.0.0.1:${server.address().port}`))) } setInterval(() => {}, 1000)";
    Everything pipes_of_children => Code(0), "const { spawn } = await import('node:child_process'); for (let i = 0; i < 20; i++) spawn('sleep', ['100'], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] }); for (let i = 0; i < 20; i++) new Deno.Command('sleep', { args: ['100'], stdin: 'piped', stdout: 'piped' }).spawn(); Deno.exit(0)";
    Everything pipes_of_children_while_busy => Busy, "const { spawn } = await import('node:child_process'); globalThis.all = []; for (let i = 0; i < 20; i++) all.push(spawn('sleep', ['100'], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] }))";
    Everything a_channel_to_a_child => Busy, "const { spawn } = await import('node:child_process'); globalThis.all = []; for (let i = 0; i < 10; i++) all.push(spawn('sleep', ['100'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }))";
};
