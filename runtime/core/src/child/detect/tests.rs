//! Detection with shell scripts in place of runtimes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{Detector, has_extension_of_a_program, probe, search};
use crate::error::Error;
use crate::patience::{LONGER_THAN_PATIENCE, PATIENCE, becomes, finishes};
use crate::wire::Runtime;

/// A folder of shell scripts that stand for runtimes, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("js-runtime-detect-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }

    fn script(&self, name: &str, body: &str) -> PathBuf {
        let draft = self.file("draft", &format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).expect("it is our file");
        // Copied by another process: a child forked by another test would inherit the open file, and a file that is
        // open for writing cannot be executed (`ETXTBSY`).
        let path = self.0.join(name);
        let copied = Command::new("cp").args([&draft, &path]).status();
        assert!(copied.expect("`cp` is everywhere").success());
        path
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("the temporary folder is writable");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn set(runtime: Runtime, path: &Path) -> Detector {
    let detector = Detector::new();
    detector.set_path(runtime, Some(path.to_path_buf())).expect("the script is executable");
    detector
}

#[test]
fn windows_starts_a_file_by_its_extension() {
    for (name, is_program) in [
        ("node.exe", true),
        ("DENO.EXE", true),
        ("bun.cmd", true),
        ("node", false),
        ("node.txt", false),
        ("node.exe.js", false),
    ] {
        assert_eq!(has_extension_of_a_program(Path::new(name)), is_program, "{name}");
    }
}

#[test]
fn a_path_that_is_not_executable_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    let good = folder.script("good", "exit 0");
    let plain = folder.file("plain", "");
    let detector = set(Runtime::Deno, &good);
    for (path, expected) in [
        (folder.0.join("missing"), "No such file"),
        (folder.0.clone(), "is a folder, not an executable"),
        (plain, "is not executable"),
        (PathBuf::new(), "runtime path ''"),
    ] {
        let refused = detector.set_path(Runtime::Deno, Some(path.clone()));
        let message = refused.expect_err("it cannot be started").to_string();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains(&*path.to_string_lossy()), "{message}");
    }
    assert_eq!(detector.paths(), [("deno".to_string(), good)].into());
}

#[test]
fn only_deno_bun_and_node_have_a_path_to_set() {
    for runtime in [Runtime::Auto, Runtime::Embedded] {
        for path in [None, Some("/bin/sh".into())] {
            let refused = Detector::new().set_path(runtime, path).expect_err("it is no program");
            assert!(
                matches!(&refused, Error::InvalidConfig(text) if text.contains(runtime.as_str()))
            );
        }
    }
}

#[tokio::test]
async fn a_set_path_takes_precedence_until_it_is_removed() {
    let folder = Folder::new();
    let node = folder.script("my-node", "exit 1");
    let detector = set(Runtime::Node, &node);
    assert_eq!(detector.find(Runtime::Node).await.expect("it was set").path, node);
    detector.set_path(Runtime::Node, None).expect("removing always works");
    assert!(detector.paths().is_empty());
    if let Ok(found) = detector.find(Runtime::Node).await {
        assert_ne!(found.path, node);
    }
}

#[tokio::test]
async fn a_set_path_whose_file_is_deleted_is_an_error() {
    let folder = Folder::new();
    let node = folder.script("node", "exit 0");
    let detector = set(Runtime::Node, &node);
    fs::remove_file(&node).expect("it was just made");
    let message = detector.find(Runtime::Node).await.expect_err("it is gone").to_string();
    assert!(message.contains(&*node.to_string_lossy()), "{message}");
    let info = &detector.detect_all().await[2];
    assert_eq!((info.path.as_ref(), info.available), (Some(&node), false));
}

#[tokio::test]
async fn finding_does_not_wait_for_a_version() {
    let folder = Folder::new();
    let log = folder.file("log", "");
    let body = format!("echo started >> '{}'; {LONGER_THAN_PATIENCE}", log.display());
    let detector = set(Runtime::Bun, &folder.script("bun", &body));
    let found = finishes(detector.find(Runtime::Bun)).await.expect("nothing is waited for");
    assert_eq!(found.expect("it was set").version, None);
    assert_eq!(fs::read_to_string(log).expect("it exists"), "", "it was started");
}

#[tokio::test]
async fn versions_are_determined_concurrently_and_cached_until_the_file_changes() {
    let folder = Folder::new();
    let log = folder.file("log", "");
    // Each prints its version when all three have started.
    let answer = |text: &str| {
        let log = log.display();
        format!(
            "echo x >> '{log}'; until [ $(wc -l < '{log}') -ge 3 ]; do sleep 0.05; done; echo {text}"
        )
    };
    let detector = Detector::new();
    for (runtime, text) in
        [(Runtime::Deno, "deno 2.9.6"), (Runtime::Bun, "1.4.5"), (Runtime::Node, "v20.1.0")]
    {
        let path = folder.script(runtime.as_str(), &answer(text));
        detector.set_path(runtime, Some(path)).expect("the script is executable");
    }
    let versions = async || {
        let all = detector.detect_all().await;
        all.into_iter().map(|info| (info.name, info.version)).collect::<Vec<_>>()
    };
    let pair = |name: &str, version: &str| (name.to_string(), Some(version.to_string()));
    let expected = [pair("deno", "2.9.6"), pair("bun", "1.4.5"), pair("node", "20.1.0")];
    assert_eq!(versions().await, expected);
    assert_eq!(versions().await, expected);
    assert_eq!(fs::read(&log).expect("it exists").len(), 6, "each was started once");
    let found = detector.find(Runtime::Node).await.expect("it was set");
    assert_eq!(found.version.as_deref(), Some("20.1.0"));

    folder.script("node", &answer("v20.2.0"));
    assert_eq!(versions().await[2], pair("node", "20.2.0"));
}

#[tokio::test]
async fn concurrent_detections_start_each_runtime_at_most_twice() {
    let folder = Folder::new();
    let starts = folder.file("starts", "");
    // It fails, so that no version is cached.
    let body = format!("echo started >> '{}'; exit 1", starts.display());
    let script = folder.script("runtime", &body);
    let detector = Detector::new();
    for runtime in [Runtime::Deno, Runtime::Bun, Runtime::Node] {
        let path = folder.0.join(runtime.as_str());
        fs::hard_link(&script, &path).expect("a second name");
        detector.set_path(runtime, Some(path)).expect("it is executable");
    }
    let detections = (0..50).map(|_| detector.detect_all());
    let lists = finishes(futures_util::future::join_all(detections)).await;
    for list in lists.expect("all detections end") {
        assert!(list.len() == 3 && !list[0].available, "{list:?}");
    }
    let count = || fs::read_to_string(&starts).expect("it is there").lines().count();
    assert!((3..=6).contains(&count()), "{} starts", count());
    let before = count();
    detector.detect_all().await;
    assert_eq!(count(), before + 3, "a later call detects again");
}

#[tokio::test]
async fn a_runtime_that_fails_or_prints_no_version_is_unavailable() {
    let folder = Folder::new();
    let detector = Detector::new();
    for (runtime, body) in [(Runtime::Bun, "echo 1.2.3; exit 3"), (Runtime::Node, "echo hi")] {
        let path = folder.script(runtime.as_str(), body);
        detector.set_path(runtime, Some(path)).expect("the script is executable");
    }
    for info in &detector.detect_all().await[1..] {
        assert_eq!(info.path, Some(folder.0.join(&info.name)));
        assert_eq!((&info.version, info.available), (&None, false), "{}", info.name);
    }
}

/// A program that never ends, and a file where it writes its process id and that of its child.
fn program_that_hangs(folder: &Folder) -> (PathBuf, PathBuf) {
    let pids = folder.file("pids", "");
    let hang = format!("{LONGER_THAN_PATIENCE} & echo $$ $! >> '{}'; wait", pids.display());
    (folder.script("deno", &hang), pids)
}

fn started(pids: &Path) -> Vec<String> {
    let pids = fs::read_to_string(pids).expect("it was made");
    pids.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_program_over_its_time_limit_leaves_no_process() {
    let folder = Folder::new();
    let (program, pids) = program_that_hangs(&folder);
    let mut limit = Duration::from_millis(500);
    // A busy machine may not start it within the first limits.
    while started(&pids).is_empty() && limit < PATIENCE {
        let version = finishes(probe::version(&program, limit)).await;
        assert_eq!(version.expect("the time is limited"), None);
        limit *= 2;
    }
    assert_gone(&started(&pids)).await;
}

#[tokio::test]
async fn a_dropped_detection_leaves_no_process() {
    let folder = Folder::new();
    let (program, pids) = program_that_hangs(&folder);
    tokio::select! {
        version = probe::version(&program, PATIENCE * 2) => panic!("{version:?}"),
        has_started = becomes(|| started(&pids).len() == 2) => assert!(has_started),
    }
    assert_gone(&started(&pids)).await;
}

async fn assert_gone(pids: &[String]) {
    assert_eq!(pids.len(), 2, "{pids:?}");
    // `kill -0` succeeds for a zombie too, until it is reaped.
    let exists = |pid: &str| {
        let status = Command::new("kill").args(["-0", pid]).stderr(Stdio::null()).status();
        status.expect("`kill` is everywhere").success()
    };
    for pid in pids {
        assert!(becomes(|| !exists(pid)).await, "{pid} still exists");
    }
}

#[tokio::test]
async fn the_path_of_the_login_shell_is_found_whatever_its_profile_does() {
    let folder = Folder::new();
    let daemon = format!("{LONGER_THAN_PATIENCE} & PATH=/a:/usr/bin:/bin; eval \"$2\"; wait");
    let brief = Duration::from_millis(1500);
    for (name, body, limit, expected) in [
        ("chatty", "echo Welcome; PATH=/a:/usr/bin:/bin; eval \"$2\"; echo bye", PATIENCE, true),
        ("daemon", &daemon, PATIENCE, true),
        (
            "not-interactive",
            "[ $1 = -lc ] || exit 2; PATH=/a:/usr/bin:/bin; eval \"$2\"",
            PATIENCE,
            true,
        ),
        ("asks", "read answer || exit 1", PATIENCE * 2, false),
        ("hangs", LONGER_THAN_PATIENCE, brief, false),
        (
            "floods",
            "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
            PATIENCE * 2,
            false,
        ),
    ] {
        let shell = folder.script(name, body);
        let path = finishes(probe::shell_path(shell.as_os_str(), limit)).await;
        let expected = expected.then(|| "/a:/usr/bin:/bin".into());
        assert_eq!(path.expect(name), expected, "{name}");
    }
    assert_eq!(probe::shell_path("/no/such/shell".as_ref(), PATIENCE).await, None);
}

#[test]
fn a_search_takes_the_first_executable_file() {
    let (first, second) = (Folder::new(), Folder::new());
    first.file("bun", "not executable");
    let bun = second.script("bun", "exit 0");
    let folders = std::env::join_paths([&first.0, &second.0]).expect("no separator in them");
    assert_eq!(search("bun", &folders), Some(bun));
    assert_eq!(search("deno", &folders), None);
}

#[tokio::test]
async fn a_command_is_a_name_or_a_path_relative_to_the_working_directory() {
    let folder = Folder::new();
    let tool = folder.script("tool", "exit 0");
    folder.file("plain", "");
    let detector = Detector::new();
    for command in ["./tool", &tool.to_string_lossy()] {
        let path = detector.program(command, &folder.0).await.expect("it is there");
        assert_eq!(path.canonicalize().ok(), tool.canonicalize().ok(), "{command}");
    }
    assert!(detector.program("sh", &folder.0).await.expect("it is everywhere").is_absolute());
    for (command, expected) in [
        ("tool", "command 'tool': not on PATH"),
        ("./plain", "is not executable"),
        ("./missing", "No such file"),
        ("../", "is a folder"),
    ] {
        let message = detector.program(command, &folder.0).await.expect_err(command).to_string();
        assert!(message.contains(expected), "{message}");
    }
}

/// For example a folder of `PATH` on a network that is down.
#[tokio::test]
async fn a_file_system_that_does_not_answer_does_not_block_the_thread() {
    let detector = Detector::new();
    for runtime in [Some(Runtime::Deno), None] {
        let (open, gate) = std::sync::mpsc::channel();
        *detector.shared.gate.lock() = Some(gate);
        let find = async {
            match runtime {
                Some(runtime) => drop(detector.find(runtime).await),
                None => drop(detector.program("./none", Path::new("/")).await),
            }
        };
        // Runs only if `find` does not block this thread.
        let unblock = async { open.send(()).is_ok() };
        let ((), unblocked) = tokio::join!(find, unblock);
        assert!(unblocked, "the thread was blocked");
    }
}
