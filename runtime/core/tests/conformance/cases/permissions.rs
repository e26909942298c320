//! Attempts to reach resources without permission, by many APIs in one script.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::{self, ErrorKind, Read, Write as _};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use js_runtime::{Grant, Permissions, SpawnConfig};
use libtest_mimic::Failed;
use serde::Deserialize;
use serde_json::json;

use crate::paths;
use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    no_api_reaches_resources_without_permission,
    permission_to_read_everything_excludes_the_pipes_of_the_application,
];

const SECRET: &str = "visible-only-with-permission";

/// The variable that contains the secret. Not granted.
const VARIABLE: &str = "NOT_GRANTED";

/// The report of one attempt.
#[derive(Deserialize)]
struct Row {
    name: String,
    /// The expected beginning of the result, and expected parts of it.
    wants: Vec<String>,
    got: String,
}

impl Row {
    fn is_as_expected(&self) -> bool {
        let [begins, holds @ ..] = self.wants.as_slice() else { return false };
        // An expected empty answer must be empty.
        let is_empty = begins == "answers " && self.got != *begins;
        !is_empty && self.got.starts_with(begins) && holds.iter().all(|it| self.got.contains(it))
    }
}

async fn no_api_reaches_resources_without_permission(bench: &Bench) -> Outcome {
    let resources = Resources::new()?;
    let before = resources.state()?;
    let env = BTreeMap::from([(VARIABLE.to_owned(), SECRET.to_owned())]);
    let other = SpawnConfig {
        permissions: Some(Permissions {
            env: Grant::Some(vec![VARIABLE.to_owned()]),
            ..Permissions::default()
        }),
        env: env.clone(),
        ..bench.fixture("hostile/other-process.mjs", &[])
    };
    let mut other = bench.start(other).await?;
    let blob = other.text().await?;

    let layout = resources.layout(&blob).to_string();
    let script = bench.script(&resources.folder.join("main.mjs"), &[&layout]);
    let cwd = Some(resources.folder.clone());
    let ended = bench.run(SpawnConfig { cwd, env, ..script }, b"").await?;

    let (lines, log) = (ended.lines(), ended.log());
    let table: Vec<Row> = lines
        .iter()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}")))
        .collect::<Result<_, _>>()?;
    eprintln!("{}", format_table(&table));
    let unexpected: Vec<&Row> = table.iter().filter(|row| !row.is_as_expected()).collect();
    assert!(
        unexpected.is_empty(),
        "attempts with an unexpected result:\n{}",
        format_table(unexpected)
    );
    let leaks: Vec<_> = lines.iter().filter(|line| line.contains(SECRET)).collect();
    assert!(leaks.is_empty(), "the secret came out: {leaks:#?}");
    assert!(!log.contains(SECRET), "the secret came out: {log}");
    assert_eq!(ended.code, Some(0), "{log}");
    assert!(table.len() >= 200, "only {} attempts were made: {log}", table.len());

    assert_eq!(resources.state()?, before, "a file was changed");
    other.close()?;
    assert_eq!(other.text().await?, "asked 0 times");
    other.end().await?;
    resources.assert_untouched()
}

/// Formats the table.
fn format_table<'a>(table: impl IntoIterator<Item = &'a Row>) -> String {
    let mut text = String::new();
    for Row { name, got, .. } in table {
        let line = got.lines().next().unwrap_or_default();
        let _ = writeln!(text, "{name:<62} {line}");
    }
    text
}

/// The resources under attack: files outside of the script's folder and links to them, servers, a program of the
/// application, a pipe.
struct Resources {
    root: tempfile::TempDir,
    folder: PathBuf,
    outside: PathBuf,
    tcp: TcpListener,
    udp: std::net::UdpSocket,
    unix: UnixListener,
    child: Child,
    pipe: (io::PipeReader, io::PipeWriter),
}

/// An idle program of the application. Killed on drop.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Resources {
    fn new() -> Result<Self, Failed> {
        let root = tempfile::tempdir()?;
        let at = root.path().canonicalize()?;
        let (folder, outside) = (at.join("script"), at.join("outside"));
        fs::create_dir_all(outside.join("node_modules/p"))?;
        fs::create_dir(&folder)?;
        let module = format!("./{SECRET}.js");
        let package =
            json!({ "name": "outside", "exports": module, "imports": { "#private": module } });
        let json = json!({ "secret": SECRET }).to_string();
        for (name, text) in [
            ("outside/secret.txt", SECRET),
            ("outside/secret.json", &json),
            ("outside/secret.mjs", &format!("export default '{SECRET}'")),
            ("outside/secret.cjs", &format!("module.exports = '{SECRET}'")),
            ("outside/secret.wasm", SECRET),
            ("outside/secret.env", &format!("LEAKED={SECRET}")),
            ("outside/secret.db", SECRET),
            ("outside/package.json", &package.to_string()),
            ("outside/node_modules/p/package.json", &json!({ "main": module }).to_string()),
            ("outside/node_modules/p/index.js", &format!("module.exports = '{SECRET}'")),
            ("secret.json", &json),
            ("script/own.txt", "own"),
            ("script/own.cjs", "module.exports = 'own'"),
            ("script/addon.node", "own"),
        ] {
            fs::write(at.join(name), text)?;
        }
        for (name, leads_to) in [
            ("script/link.txt", "../outside/secret.txt"),
            ("script/link.json", "../outside/secret.json"),
            ("script/link.mjs", "../outside/secret.mjs"),
            ("script/chain.txt", "link.txt"),
            ("script/linked", "../outside"),
            ("script/proc", "/proc/self"),
            ("outside/link", SECRET),
        ] {
            symlink(leads_to, at.join(name))?;
        }
        for entry in fs::read_dir(paths::fixture("hostile/not-granted"))? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }

        let tcp = TcpListener::bind(("127.0.0.1", 0))?;
        tcp.set_nonblocking(true)?;
        let udp = std::net::UdpSocket::bind(tcp.local_addr()?)?;
        udp.set_nonblocking(true)?;
        let unix = UnixListener::bind(outside.join("socket"))?;
        unix.set_nonblocking(true)?;
        let child = Child(std::process::Command::new("sleep").arg("600").spawn()?);
        let mut pipe = io::pipe()?;
        pipe.1.write_all(SECRET.as_bytes())?;
        Ok(Self { root, folder, outside, tcp, udp, unix, child, pipe })
    }

    /// The description that the script gets.
    fn layout(&self, blob: &str) -> serde_json::Value {
        json!({
            "folder": self.folder,
            "outside": self.outside,
            "port": self.tcp.local_addr().map(|address| address.port()).unwrap_or_default(),
            "child": self.child.0.id(),
            "pipe": self.pipe.0.as_raw_fd(),
            "blob": blob,
        })
    }

    /// All files with their contents and metadata.
    fn state(&self) -> io::Result<BTreeMap<PathBuf, String>> {
        let mut state = BTreeMap::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                let about = path.symlink_metadata()?;
                if about.is_dir() {
                    folders.push(path.clone());
                }
                state.insert(path.clone(), fingerprint(&path, &about));
            }
        }
        Ok(state)
    }

    /// Checks that no connection was made, nothing was read from the pipe, and the program still runs.
    fn assert_untouched(mut self) -> Outcome {
        let kind = |error: Option<io::Error>| error.map(|error| error.kind());
        assert_eq!(kind(self.tcp.accept().err()), Some(ErrorKind::WouldBlock));
        assert_eq!(kind(self.unix.accept().err()), Some(ErrorKind::WouldBlock));
        assert_eq!(kind(self.udp.recv(&mut [0]).err()), Some(ErrorKind::WouldBlock));
        assert!(self.child.0.try_wait()?.is_none(), "the program was killed");
        let (mut reader, writer) = self.pipe;
        drop(writer);
        let mut left = String::new();
        reader.read_to_string(&mut left)?;
        assert_eq!(left, SECRET);
        Ok(())
    }
}

fn fingerprint(path: &Path, about: &fs::Metadata) -> String {
    let changed = (about.ctime(), about.ctime_nsec());
    let text = if about.is_file() { fs::read(path).unwrap_or_default() } else { Vec::new() };
    format!("{:o} {} {changed:?} {}", about.mode(), about.uid(), String::from_utf8_lossy(&text))
}

async fn permission_to_read_everything_excludes_the_pipes_of_the_application(
    bench: &Bench,
) -> Outcome {
    let (mut secret, mut secret_writer) = io::pipe()?;
    let (mut target_reader, target) = io::pipe()?;
    secret_writer.write_all(SECRET.as_bytes())?;
    let numbers = [secret.as_raw_fd(), target.as_raw_fd()].map(|number| number.to_string());
    let all = || Grant::All(true);
    let permissions = Some(Permissions { read: all(), write: all(), ..Permissions::default() });
    let folder = tempfile::tempdir()?;
    let folder = folder.path().to_string_lossy();
    let config = bench.fixture("hostile/pipes.mjs", &[&numbers[0], &numbers[1], &folder]);
    let ended = bench.run(SpawnConfig { permissions, ..config }, b"").await?;
    assert_eq!(ended.lines(), ["[]"], "{}", ended.log());

    drop((secret_writer, target));
    let (mut left, mut injected) = (String::new(), String::new());
    secret.read_to_string(&mut left)?;
    target_reader.read_to_string(&mut injected)?;
    assert_eq!((left.as_str(), injected.as_str()), (SECRET, ""));
    Ok(())
}
