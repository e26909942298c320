//! Sockets: paths of Unix sockets are resolved like other paths, abstract sockets need full permissions, and
//! transferred buffers are not used.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use js_runtime::{Grant, Permissions, SpawnConfig};

use crate::support::{Bench, Case, Outcome, Project, cases};

pub(crate) const CASES: &[Case] = cases![
    the_parent_of_a_link_is_the_parent_of_its_target,
    an_abstract_socket_needs_full_read_and_write_permission,
    a_socket_does_not_use_transferred_buffers,
    a_socket_stays_at_its_first_path_when_folders_are_swapped,
    source_specific_multicast_needs_permission,
];

async fn a_socket_does_not_use_transferred_buffers(bench: &Bench) -> Outcome {
    let net = Grant::Some(vec!["127.0.0.1".to_owned()]);
    let config = SpawnConfig {
        permissions: Some(Permissions { net, ..Permissions::default() }),
        ..bench.fixture("node/socket-memory.mjs", &[])
    };
    let ended = bench.run(config, b"").await?;
    let expected = ["write true 0 8", "writev true 0 8", "one request twice true 0 8", "read 0"];
    assert_eq!(ended.lines(), expected, "{}", ended.log());
    Ok(())
}

/// Connects to `$A` and listens at `$B` with each API. Prints the API, or `refused` for a missing permission.
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

async fn the_parent_of_a_link_is_the_parent_of_its_target(bench: &Bench) -> Outcome {
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

/// Uses files in the folder of the socket that is the first argument.
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

async fn an_abstract_socket_needs_full_read_and_write_permission(bench: &Bench) -> Outcome {
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

/// Changes where the path of a socket leads: `q` is replaced with `p`, which has a link to a folder without permission,
/// or the working directory changes to a read-only folder.
const SWAPS: &str = r"
import fs from 'node:fs'
import net from 'node:net'
const [own, readable] = process.argv.slice(2)
const heard = (it, event) => new Promise((done, fail) => it.once(event, done).once('error', fail))
const path = `${own}/q/x/s`
const rename = () => {
  fs.renameSync(`${own}/q`, `${own}/r`)
  fs.renameSync(`${own}/p`, `${own}/q`)
  return () => {
    fs.renameSync(`${own}/q`, `${own}/p`)
    fs.renameSync(`${own}/r`, `${own}/q`)
  }
}
const leave = () => {
  process.chdir(readable)
  return () => process.chdir(`${own}/q/x`)
}
const listening = async (path) => {
  const server = net.createServer()
  await heard(server.listen(path), 'listening')
  return server
}
const closed = (server) => new Promise((done) => server.close(done))
const ways = {
  'Deno.listen': async () => {
    const listener = Deno.listen({ transport: 'unix', path })
    const back = rename()
    listener.close()
    back()
  },
  'Deno.listen with a call that waits': async () => {
    const listener = Deno.listen({ transport: 'unix', path })
    const accepted = listener.accept().catch(() => {})
    const back = rename()
    listener.close()
    await accepted
    back()
  },
  'Deno.serve': async () => {
    const server = Deno.serve({ path, onListen() {} }, () => new Response())
    const back = rename()
    await server.shutdown()
    back()
  },
  'net.listen': async () => {
    const server = await listening(path)
    const back = rename()
    await closed(server)
    back()
  },
  'net.listen at a relative path': async () => {
    const server = await listening('s')
    const back = leave()
    await closed(server)
    back()
  },
  'net.listen, and a mode': async () => {
    const before = fs.statSync(`${readable}/s`).mode
    const server = await listening('s')
    const back = leave()
    server._handle.fchmod(3)
    back()
    if ((fs.statSync('s').mode & 0o666) !== 0o666) throw 'no mode'
    if (fs.statSync(`${readable}/s`).mode !== before) throw 'the mode of another file'
    await closed(server)
  },
  'net.connect': async () => {
    const server = await listening(path)
    const client = net.connect(path)
    const back = rename()
    await Promise.all([heard(client, 'connect'), heard(server, 'connection')])
    back()
    client.destroy()
    await closed(server)
  },
  'net.connect to a relative path': async () => {
    const server = await listening('s')
    const client = net.connect('s')
    const back = leave()
    await Promise.all([heard(client, 'connect'), heard(server, 'connection')])
    back()
    client.destroy()
    await closed(server)
  },
}
process.chdir(`${own}/q/x`)
for (const [name, way] of Object.entries(ways)) {
  try {
    await way()
    // A server closes its socket asynchronously.
    for (let i = 0; i < 1200 && fs.existsSync(path); i++) await new Promise((r) => setTimeout(r, 100))
    console.log(name, fs.existsSync(path) ? 'is left' : 'is gone')
  } catch (error) {
    console.log(name, error)
  }
}
process.exit(0)
";

async fn a_socket_stays_at_its_first_path_when_folders_are_swapped(bench: &Bench) -> Outcome {
    let project = Project::new(&[
        ("script/main.mjs", SWAPS),
        ("own/q/x/file", ""),
        ("own/p/file", ""),
        ("outside/file", ""),
        ("readable/file", ""),
    ])?;
    symlink(project.path("outside"), project.path("own/p/x"))?;
    let others = ["outside/s", "readable/s"].map(|path| project.path(path));
    let sockets: Vec<_> = others.iter().map(UnixListener::bind).collect::<Result<_, _>>()?;
    sockets.iter().try_for_each(|socket| socket.set_nonblocking(true))?;
    let at = |name: &str| project.path(name).display().to_string();
    let config = bench.script(&project.path("script/main.mjs"), &[&at("own"), &at("readable")]);
    let permissions = Permissions {
        read: Grant::Some(vec![at("own"), at("readable")]),
        write: Grant::Some(vec![at("own")]),
        net: Grant::All(true),
        ..Permissions::default()
    };
    let config = SpawnConfig { permissions: Some(permissions), ..config };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.lines().len(), 8, "{}", ended.log());
    assert!(ended.lines().iter().all(|line| line.ends_with(" is gone")), "{}", ended.log());
    for (path, socket) in others.iter().zip(&sockets) {
        assert!(path.exists(), "{}: {}", path.display(), ended.log());
        let asked = socket.accept().err().map(|error| error.kind());
        assert_eq!(asked, Some(ErrorKind::WouldBlock), "{}", path.display());
    }
    Ok(())
}

const GROUPS: &str = r"
import dgram from 'node:dgram'
const socket = dgram.createSocket('udp4')
socket.bind(0, '127.0.0.1', () => {
  for (const group of ['232.1.1.1', '232.1.1.2']) {
    try {
      socket.addSourceSpecificMembership('127.0.0.1', group, '127.0.0.1')
      console.log(group)
    } catch (error) {
      console.log(error.code)
    }
  }
  socket.close()
})
";

async fn source_specific_multicast_needs_permission(bench: &Bench) -> Outcome {
    let project = Project::new(&[("main.mjs", GROUPS)])?;
    let net = ["127.0.0.1", "232.1.1.1"].map(str::to_owned).to_vec();
    let permissions = Permissions { net: Grant::Some(net), ..Permissions::default() };
    let config = bench.script(&project.path("main.mjs"), &[]);
    let config = SpawnConfig { permissions: Some(permissions), ..config };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.lines(), ["232.1.1.1", "EINVAL"], "{}", ended.log());
    Ok(())
}
