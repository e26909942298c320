//! Sockets: the paths of Unix sockets are where the system finds them, and their names are no way around the paths; what a
//! socket reads into and writes from stays.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use js_runtime::{Grant, Permissions, SpawnConfig};

use crate::support::{Bench, Case, Outcome, Project, cases};

pub(crate) const CASES: &[Case] = cases![
    what_is_above_a_link_is_what_is_above_its_target,
    a_socket_without_a_path_needs_everything_to_be_read_and_written,
    a_socket_uses_no_memory_that_was_given_away,
];

async fn a_socket_uses_no_memory_that_was_given_away(bench: &Bench) -> Outcome {
    let net = Grant::Some(vec!["127.0.0.1".to_owned()]);
    let config = SpawnConfig {
        permissions: Some(Permissions { net, ..Permissions::default() }),
        ..bench.fixture("node/memory-of-sockets.mjs", &[])
    };
    let ended = bench.run(config, b"").await?;
    let expected = ["write true 0 8", "writev true 0 8", "one request twice true 0 8", "read 0"];
    assert_eq!(ended.lines(), expected, "{}", ended.log());
    Ok(())
}

/// Tries to connect to `$A`, and to listen at `$B`, in each way; prints what was done, or the permission it lacked.
const TRIES: &str = r"
import net from 'node:net'
const heard = (it, event) => new Promise((done, fail) => it.on(event, done).on('error', fail))
const [a, b] = process.argv.slice(2).map((path) => path.replace(/^@/, '\0'))
const ways = {
  'Deno.connect': async () => (await Deno.connect({ transport: 'unix', path: a })).close(),
  'Deno.listen': () => Deno.listen({ transport: 'unix', path: `${b}1` }).close(),
  'Deno.serve': async () => {
    const server = Deno.serve({ path: `${b}2`, onListen() {} }, () => new Response())
    await server.shutdown()
  },
  'net.connect': async () => {
    const socket = net.connect(a)
    await heard(socket, 'connect')
    socket.destroy()
  },
  'net.connect of an object': async () => {
    const socket = net.connect({ path: a })
    await heard(socket, 'connect')
    socket.destroy()
  },
  'net.listen': async () => {
    const server = net.createServer().listen(`${b}3`)
    await heard(server, 'listening')
    server.close()
  },
}
for (const [name, way] of Object.entries(ways)) {
  try {
    await way()
    console.log(name)
  } catch (error) {
    console.log(/Requires (read|write) access/.test(error.message) ? 'refused' : `${name}: ${error}`)
  }
}
process.exit(0)
";

const ALL: [&str; 6] = [
    "Deno.connect",
    "Deno.listen",
    "Deno.serve",
    "net.connect",
    "net.connect of an object",
    "net.listen",
];

async fn what_is_above_a_link_is_what_is_above_its_target(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("own/main.mjs", TRIES),
        ("own/files.mjs", FILES),
        ("own/sub/file", ""),
        ("outside/sub/file", ""),
        ("outside/secret", "secret"),
    ])?;
    symlink(project.path("outside/sub"), project.path("own/link"))?;
    let outside = UnixListener::bind(project.path("outside/socket"))?;
    let _own = UnixListener::bind(project.path("own/socket"))?;
    outside.set_nonblocking(true)?;
    let at = |name: &str| project.path(name).display().to_string();
    let may = |folder: &str| {
        let folder = Grant::Some(vec![at(folder)]);
        let (read, write, net) = (folder.clone(), folder, Grant::All(true));
        Some(Permissions { read, write, net, ..Permissions::default() })
    };
    let run = async |script: &str, granted: &str, folder: &str| {
        let args = ["socket", "new"].map(|name| at(&format!("{folder}/{name}")));
        let config = bench.script(&project.path(script), &[&args[0], &args[1]]);
        bench.run(SpawnConfig { permissions: may(granted), ..config }, b"").await
    };

    let ended = run("own/main.mjs", "own", "own/link/..").await?;
    assert_eq!(ended.lines(), ["refused"; 6], "{}", ended.log());
    let ended = run("own/files.mjs", "own", "own/link/..").await?;
    assert_eq!(ended.lines(), ["NotCapable"; 6], "{}", ended.log());
    assert_eq!(outside.accept().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    assert_eq!(fs::read_dir(project.path("outside"))?.count(), 3);

    let ended = run("own/main.mjs", "own", "own/sub/..").await?;
    assert_eq!(ended.lines(), ALL, "{}", ended.log());
    let ended = run("own/main.mjs", "outside", "own/link/..").await?;
    assert_eq!(ended.lines(), ALL, "{}", ended.log());
    let ended = run("own/files.mjs", "outside", "own/link/..").await?;
    assert_eq!(
        ended.lines(),
        ["undefined", "secret", "undefined", "false", "undefined", "undefined"],
        "{}",
        ended.log()
    );
    Ok(())
}

/// Uses files beside the socket that the first argument is.
const FILES: &str = r"
import fs from 'node:fs'
const at = process.argv[2].replace('socket', '')
const ways = [
  () => Deno.writeTextFileSync(at + 'x', 'x'),
  () => Deno.readTextFileSync(at + 'secret'),
  () => Deno.mkdirSync(at + 'folder'),
  () => fs.statSync(at + 'secret').isDirectory(),
  () => Deno.renameSync(at + 'secret', at + 'y'),
  () => Deno.removeSync(at + 'y'),
]
for (const way of ways) {
  try {
    console.log(way())
  } catch (error) {
    console.log(error.name)
  }
}
";

async fn a_socket_without_a_path_needs_everything_to_be_read_and_written(bench: &Bench) -> Outcome {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let project = Project::new(&[("main.mjs", TRIES)])?;
    let name = format!("js-runtime-{}-{}", std::process::id(), Bench::name());
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    listener.set_nonblocking(true)?;
    let all = || Grant::All(true);
    let net = || Permissions { net: all(), ..Permissions::default() };
    let run = async |permissions| {
        let script = project.path("main.mjs");
        let config = bench.script(&script, &[&format!("@{name}"), &format!("@{name}-new")]);
        bench.run(SpawnConfig { permissions: Some(permissions), ..config }, b"").await
    };
    for permissions in [
        net(),
        Permissions { read: all(), ..net() },
        Permissions { write: all(), ..net() },
        Permissions { read: all(), write: Grant::Some(vec!["/tmp".to_owned()]), ..net() },
    ] {
        let ended = run(permissions).await?;
        assert_eq!(ended.lines(), ["refused"; 6], "{}", ended.log());
    }
    assert_eq!(listener.accept().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    let ended = run(Permissions { read: all(), write: all(), ..net() }).await?;
    assert_eq!(ended.lines(), ALL, "{}", ended.log());
    Ok(())
}
