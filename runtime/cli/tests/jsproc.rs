//! Tests of the program `jsproc`: streams, exit codes and signals.
//!
//! A missing runtime is skipped. With `JS_RUNTIME_REQUIRE_ALL=1` it is a failure.

#![cfg(unix)]
#![allow(clippy::print_stderr, reason = "a test reports what it skips")]

#[path = "../../core/tests/common/paths.rs"]
mod paths;
#[path = "../../core/tests/common/patience.rs"]
mod patience;
#[path = "../../core/tests/common/system.rs"]
mod system;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use js_runtime::RuntimeInfo;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::paths::{fixture, repository};
use crate::patience::eventually;
use crate::system::is_alive;

/// The names of the runtimes that `jsproc detect` finds.
fn runtimes() -> &'static [String] {
    static FOUND: OnceLock<Vec<String>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let must = std::env::var_os("JS_RUNTIME_REQUIRE_ALL").is_some_and(|value| value == "1");
        let (found, missing): (Vec<_>, Vec<_>) =
            detected().into_iter().filter(is_built).partition(|info| info.available);
        let names = |list: Vec<RuntimeInfo>| list.into_iter().map(|info| info.name).collect();
        let missing: Vec<String> = names(missing);
        assert!(!must || missing.is_empty(), "not on this machine: {missing:?}");
        for name in missing {
            eprintln!("skipped, not on this machine: {name}");
        }
        names(found)
    })
}

/// The embedded engine depends on the build, not on the machine.
fn is_built(info: &RuntimeInfo) -> bool {
    cfg!(feature = "embedded") || info.name != "embedded"
}

fn detected() -> Vec<RuntimeInfo> {
    let output = finish(jsproc(["detect", "--json"]), b"");
    serde_json::from_slice(&output.stdout).expect("a JSON list of runtimes")
}

fn jsproc<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jsproc"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(runtime: &str, flags: &[&str], script: &Path, args: &[&str]) -> Command {
    let mut command = jsproc(["run", "--runtime", runtime]);
    command.args(flags).arg(script).args(args);
    command
}

/// Runs the command to its end with `stdin` as input.
fn finish(mut command: Command, stdin: &[u8]) -> Output {
    let mut child = command.spawn().expect("jsproc starts");
    let mut pipe = child.stdin.take().expect("stdin is a pipe");
    std::thread::scope(|scope| {
        // Fails if the program exits without reading its stdin.
        scope.spawn(move || pipe.write_all(stdin));
        child.wait_with_output().expect("jsproc ends")
    })
}

/// Runs a script with one line of source.
#[cfg(feature = "embedded")]
fn finish_line(source: &str, flags: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("line.mjs");
    std::fs::write(&script, source).expect("a writable folder");
    finish(run("embedded", flags, &script, &[]), b"")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Starts the command in a process group of its own and waits for its first line.
fn start_in_group(mut command: Command) -> (Child, String) {
    let mut child = command.process_group(0).spawn().expect("jsproc starts");
    let stdout = child.stdout.as_mut().expect("stdout is a pipe");
    let mut line = String::new();
    BufReader::with_capacity(1, stdout).read_line(&mut line).expect("a line of text");
    (child, line.trim_end().to_owned())
}

#[test]
fn eight_mebibytes_of_any_bytes_pass_through_unchanged() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut sent = Vec::with_capacity(8 * 1024 * 1024);
    while sent.len() < 8 * 1024 * 1024 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sent.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    for runtime in runtimes() {
        let output = finish(run(runtime, &[], &fixture("echo-bytes.mjs"), &[]), &sent);
        assert!(output.status.success(), "{runtime}: {}", text(&output.stderr));
        assert!(output.stdout == sent, "{runtime}: {} bytes came back", output.stdout.len());
    }
}

#[test]
fn the_exit_code_of_the_script_is_passed_on() {
    for runtime in runtimes() {
        for (way, code) in [("0", 0), ("3", 3), ("255", 255), ("throw", 1), ("timer", 5)] {
            let output = finish(run(runtime, &[], &fixture("exit.mjs"), &[way]), b"");
            assert_eq!(output.status.code(), Some(code), "{runtime} {way}");
            assert_eq!(text(&output.stdout), "before\n", "{runtime} {way}");
        }
    }
}

#[test]
fn an_aborting_script_has_the_exit_code_of_the_signal() {
    for runtime in runtimes() {
        let output = finish(run(runtime, &[], &fixture("exit.mjs"), &["abort"]), b"");
        assert_eq!(output.status.code(), Some(128 + 6), "{runtime}: {}", text(&output.stderr));
    }
}

#[test]
fn stderr_is_separate_from_stdout() {
    for runtime in runtimes() {
        let output = finish(run(runtime, &[], &fixture("both-streams.mjs"), &["300"]), b"");
        let numbered = |prefix| (0..300).map(|n| format!("{prefix} {n}")).collect::<Vec<_>>();
        assert_eq!(text(&output.stdout).lines().collect::<Vec<_>>(), numbered("out"), "{runtime}");
        assert_eq!(text(&output.stderr).lines().collect::<Vec<_>>(), numbered("err"), "{runtime}");
    }
}

#[test]
fn arguments_after_the_script_are_passed_to_it_and_flags_before_it_are_parsed() {
    let folder = tempfile::tempdir().expect("a folder");
    let cwd = folder.path().canonicalize().expect("an existing folder");
    let cwd = cwd.to_str().expect("UTF-8");
    for runtime in runtimes() {
        let flags = ["-A", "--cwd", cwd, "--env", "JSPROC_TEST=a=b"];
        let args = ["JSPROC_TEST", "--runtime", "-A", "two words", ""];
        let output = finish(run(runtime, &flags, &fixture("args-env-cwd.mjs"), &args), b"");
        let seen: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("one JSON line");
        let expected = serde_json::json!({ "args": args, "env": "a=b", "cwd": cwd });
        assert_eq!(seen, expected, "{runtime}");
    }
}

#[test]
fn a_signal_ends_the_script_gracefully_and_its_process_group_too() {
    for runtime in runtimes() {
        for (signal, mode) in [
            (Signal::SIGTERM, "stdin"),
            (Signal::SIGINT, "stdin"),
            (Signal::SIGTERM, "interval"),
            (Signal::SIGINT, "interval"),
        ] {
            let (child, line) = start_in_group(run(runtime, &[], &fixture("idle.mjs"), &[mode]));
            assert_eq!(line, "ready", "{runtime}");
            let group = end(child, signal, |code| {
                // A script that ended with its stdin has an exit code of its own.
                let by_signal = code == Some(128 + signal as i32);
                assert!(by_signal || (mode == "stdin" && code == Some(0)), "{runtime}: {code:?}");
            });
            assert!(eventually(|| killpg(group, None).is_err()), "{runtime}: the group is left");
        }
    }
}

#[test]
fn a_signal_ends_a_busy_script_and_its_children() {
    for runtime in runtimes() {
        let (child, line) = start_in_group(run(runtime, &[], &fixture("busy.mjs"), &[]));
        assert_eq!(line, "ready", "{runtime}");
        end(child, Signal::SIGTERM, |code| assert_eq!(code, Some(128 + 15), "{runtime}"));

        let (child, line) = start_in_group(run(runtime, &["-A"], &fixture("grandchild.mjs"), &[]));
        let grandchild = line.parse().expect("a process id");
        assert!(is_alive(grandchild));
        end(child, Signal::SIGINT, |_| ());
        assert!(eventually(|| !is_alive(grandchild)), "{runtime}: the grandchild is left");
    }
}

#[test]
#[cfg(feature = "embedded")]
fn an_unresponsive_script_is_killed_and_reported() {
    let flags = ["--unresponsive-ms", "300"];
    let output = finish(run("embedded", &flags, &fixture("busy.mjs"), &[]), b"");
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(128 + 9), "{log}");
    assert!(log.ends_with("jsproc: the script did not respond and was ended\n"), "{log}");
}

#[test]
#[cfg(feature = "embedded")]
fn a_script_that_crashes_the_engine_ends_like_an_abort_and_is_reported() {
    // Overflows the parser's stack.
    let source =
        "await import('data:application/typescript,export default ' + 'x=>'.repeat(1e5) + '1')";
    let output = finish_line(source, &[]);
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(128 + 6), "{log}");
    assert!(log.starts_with("jsproc: the script crashed: "), "{log}");
}

/// TypeScript for Node is compiled on a thread that belongs to no embedded process.
#[test]
#[cfg(feature = "embedded")]
fn typescript_for_node_that_overflows_the_parsers_stack_is_a_syntax_error() {
    if !runtimes().iter().any(|name| name == "node") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (name, source) in [
        ("arrows.ts", format!("export default {}1", "x=>".repeat(100_000))),
        ("members.ts", format!("export default a{}", ".b".repeat(1_000_000))),
    ] {
        let script = folder.path().join(name);
        std::fs::write(&script, source).expect("a file");
        let output = finish(run("node", &[], &script, &[]), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("Nested too deeply"), "{said}");
    }
}

#[test]
#[cfg(feature = "embedded")]
fn the_limit_of_buffers_is_enforced() {
    for (limit, is_enough) in [("16", true), ("8", false)] {
        let flags = ["--array-buffer-mb", limit];
        let output = finish_line("new Uint8Array(9 << 20)", &flags);
        assert_eq!(output.status.success(), is_enough, "{limit}: {}", text(&output.stderr));
    }
}

/// Sends the signal only to the program itself and waits for its exit.
fn end(mut child: Child, signal: Signal, check: impl FnOnce(Option<i32>)) -> Pid {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    nix::sys::signal::kill(pid, signal).expect("it runs");
    check(child.wait().expect("it ends").code());
    pid
}

#[test]
fn a_signal_is_forwarded_to_the_script_unchanged() {
    for runtime in runtimes() {
        let mut command = run(runtime, &[], &fixture("signals.mjs"), &[]);
        let mut child = command.spawn().expect("jsproc starts");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let mut lines = BufReader::new(stdout).lines().map(|line| line.expect("a line of text"));
        assert_eq!(lines.next().as_deref(), Some("ready"), "{runtime}");
        for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGUSR2, Signal::SIGTERM] {
            nix::sys::signal::kill(pid, signal).expect("it runs");
            assert_eq!(lines.next().as_deref(), Some(signal.as_str()), "{runtime}");
        }
        assert_eq!(child.wait().expect("it ends").code(), Some(5), "{runtime}");

        let (child, line) = start_in_group(run(runtime, &[], &fixture("idle.mjs"), &["interval"]));
        assert_eq!(line, "ready", "{runtime}");
        end(child, Signal::SIGHUP, |code| assert_eq!(code, Some(128 + 1), "{runtime}"));
    }
}

#[test]
fn a_script_can_handle_a_reader_that_goes_away() {
    for runtime in runtimes() {
        let (mut child, line) = start_in_group(run(runtime, &[], &fixture("epipe.mjs"), &[]));
        assert_eq!(line, "0", "{runtime}");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(text(&output.stderr), "EPIPE\n", "{runtime}");
        assert_eq!(output.status.code(), Some(7), "{runtime}");
    }
}

#[test]
#[cfg(feature = "embedded")]
fn a_reader_that_goes_away_ends_a_script_that_does_not_handle_it() {
    let (mut child, line) = start_in_group(run("embedded", &[], &fixture("flood.mjs"), &[]));
    assert_eq!(line, "0");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("EPIPE"), "{}", text(&output.stderr));
}

#[test]
fn a_failed_start_is_reported_and_exits_with_126() {
    for (args, expected) in [
        (&["run", "no-such-script.ts"][..], "no-such-script.ts"),
        (&["run", "--cwd", "/no-such-folder", "x.ts"], "/no-such-folder"),
        (&["run", "--env", "=x", "x.ts"], "without a name"),
    ] {
        let output = finish(jsproc(args), b"");
        let log = text(&output.stderr);
        assert_eq!(output.status.code(), Some(126), "{log}");
        assert!(log.starts_with("jsproc: ") && log.contains(expected), "{log}");
    }
}

#[test]
#[cfg(not(feature = "embedded"))]
fn a_build_without_the_engine_refuses_it_and_names_the_feature() {
    let output = finish(run("embedded", &["--heap-mb", "64"], &fixture("idle.mjs"), &[]), b"");
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(126), "{log}");
    assert!(log.starts_with("jsproc: runtime not available: embedded ("), "{log}");
    assert!(log.contains("cargo feature \"embedded\""), "{log}");
    let table = text(&finish(jsproc(["detect"]), b"").stdout);
    let line = table.lines().nth(1).unwrap_or_default();
    assert!(line.starts_with("embedded ") && line.contains("not in this build"), "{table}");
}

#[test]
fn wrong_usage_is_reported_and_exits_with_2() {
    for (args, expected) in [
        (&["run", "--runtime", "python", "x.ts"][..], "python"),
        (&["run", "--env", "NOVALUE", "x.ts"], "NOVALUE"),
        (&["run"], "SCRIPT"),
        (&["walk"], "walk"),
    ] {
        let output = finish(jsproc(args), b"");
        let log = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(log.contains(expected), "{log}");
    }
}

#[test]
fn detect_lists_the_embedded_engine_first_and_every_version() {
    let found = detected();
    let names: Vec<_> = found.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(names, ["embedded", "deno", "bun", "node"]);
    assert_eq!(found[0].version.as_deref(), js_runtime::embedded_version());
    let table = text(&finish(jsproc(["detect"]), b"").stdout);
    for (info, line) in found.iter().zip(table.lines().skip(1)) {
        let version = info.version.as_deref().unwrap_or("-");
        assert!(line.starts_with(&info.name) && line.contains(version), "{line}");
        assert_eq!(info.available, info.version.is_some());
    }
}

/// Checks that a program from npm behaves on every runtime as on Node without `jsproc`.
fn same_as_node(program: &str, args: &[&str], stdin: &[u8]) {
    let script = repository().join("node_modules").join(program);
    if !script.exists() || !runtimes().iter().any(|name| name == "node") {
        assert!(std::env::var_os("JS_RUNTIME_REQUIRE_ALL").is_none(), "no {program}");
        eprintln!("skipped: {program} or node is missing");
        return;
    }
    let mut node = Command::new("node");
    node.arg(&script).args(args);
    node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let expected = finish(node, stdin);
    for runtime in runtimes() {
        let output = finish(run(runtime, &["-A"], &script, args), stdin);
        assert_eq!(text(&output.stdout), text(&expected.stdout), "{program} on {runtime}");
        assert_eq!(text(&output.stderr), text(&expected.stderr), "{program} on {runtime}");
        assert_eq!(output.status.code(), expected.status.code(), "{program} on {runtime}");
    }
}

#[test]
fn prettier_formats_its_stdin() {
    let source = b"const  a = {b:1,\n c : 'gr\xc3\xb6\xc3\x9fe'}\nexport default   a";
    same_as_node("prettier/bin/prettier.cjs", &["--stdin-filepath", "x.ts"], source);
}

#[test]
fn prettier_reports_syntax_errors() {
    let args = ["--no-color", "--stdin-filepath", "x.ts"];
    same_as_node("prettier/bin/prettier.cjs", &args, b"const = =");
}

#[test]
fn the_typescript_compiler_prints_its_version() {
    same_as_node("typescript/bin/tsc", &["--version"], b"");
}
