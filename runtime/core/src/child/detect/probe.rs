//! Runs a program for its output, within a time limit, and leaves no process behind.
//!
//! Profile scripts and version managers may print, wait for input, start daemons or never end. So each program gets no
//! stdin and a session of its own, which is killed when the output is complete, the time is up, or the future is
//! dropped.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

/// Time limit for the version of a runtime and the `PATH` of the login shell: many times what they take, for a busy
/// machine. VS Code gives the login shell as long.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// Most bytes that are read of the output.
const MAX_OUTPUT: usize = 256 * 1024;

/// The version that `program` prints, without a leading `v`; `None` if it fails or takes longer than `limit`.
pub(super) async fn version(program: &Path, limit: Duration) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version");
    let read = async {
        let mut running = Running::start(command).await?;
        let line = running.read_through("\n").await;
        // A program that prints a version and then fails would fail for a script, too.
        running.child.as_mut()?.wait().await.ok()?.success().then(|| parse_version(&line))?
    };
    timeout(limit, read).await.ok()?
}

/// The `PATH` of the user's login shell.
#[cfg(unix)]
pub(super) async fn login_path() -> Option<OsString> {
    let fallback = if cfg!(target_os = "macos") { "/bin/zsh" } else { "/bin/sh" };
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    shell_path(&shell.unwrap_or_else(|| fallback.into()), LIMIT).await
}

/// On Windows every program has the user's `PATH`.
#[cfg(not(unix))]
#[allow(clippy::unused_async)] // The same shape as on Unix.
pub(super) async fn login_path() -> Option<OsString> {
    None
}

#[cfg(unix)]
const BEGIN: &str = "js-runtime-path-begin";
#[cfg(unix)]
const END: &str = "js-runtime-path-end";

#[cfg(unix)]
pub(super) async fn shell_path(shell: &std::ffi::OsStr, limit: Duration) -> Option<OsString> {
    use tokio::time::timeout_at;

    let deadline = tokio::time::Instant::now() + limit;
    // Version managers edit the files of interactive shells; not every shell accepts `-i` with `-lc`.
    // Unlike `$PATH`, `printenv PATH` prints the same in sh, bash, zsh, dash and fish.
    for flags in ["-ilc", "-lc"] {
        let mut command = Command::new(shell);
        command.arg(flags).arg(format!("echo {BEGIN}; printenv PATH; echo {END}"));
        let read = async {
            let mut running = Running::start(command).await?;
            parse_path(&running.read_through(&format!("\n{END}\n")).await)
        };
        match timeout_at(deadline, read).await {
            Ok(None) => {}
            Ok(found) => return found,
            Err(_) => return None,
        }
    }
    None
}

/// A started program; dropping this kills its session.
struct Running {
    /// `None` only while it is dropped.
    child: Option<Box<dyn ChildWrapper>>,
    stdout: ChildStdout,
}

impl Running {
    /// Starts `command` off the supervisor's thread: a network folder may not answer.
    async fn start(command: Command) -> Option<Self> {
        // If this future is dropped, so is the result, which kills the program.
        tokio::task::spawn_blocking(|| Self::start_blocking(command)).await.ok()?
    }

    fn start_blocking(mut command: Command) -> Option<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut command = CommandWrap::from(command);
        // A session, not only a group: an interactive shell in a background group is stopped when it uses the
        // application's terminal.
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessSession);
        #[cfg(windows)]
        command
            .wrap(process_wrap::tokio::CreationFlags(
                windows::Win32::System::Threading::CREATE_NO_WINDOW,
            ))
            .wrap(process_wrap::tokio::JobObject);
        let mut child = command.spawn().ok()?;
        let stdout = child.stdout().take()?;
        Some(Self { child: Some(child), stdout })
    }

    /// Reads the output at least through `last`, or to its end.
    async fn read_through(&mut self, last: &str) -> Vec<u8> {
        let mut output = vec![];
        let mut seen = 0;
        // A daemon started by a profile script may keep the pipe open, so there may be no end.
        while output.len() < MAX_OUTPUT && position(&output[seen..], last).is_none() {
            seen = output.len().saturating_sub(last.len());
            match self.stdout.read_buf(&mut output).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        output
    }
}

impl Drop for Running {
    /// Kills the program and reaps it on a thread: Tokio reaps only while a runtime runs, and the supervisor's may have
    /// ended.
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // Fails if no process is left.
        let _ = child.start_kill();
        if matches!(child.try_wait(), Ok(None)) {
            let reaper = std::thread::Builder::new().name("js-reaper".to_owned());
            // Without a thread the program stays a zombie until a Tokio runtime reaps it.
            let _ = reaper.spawn(move || {
                let deadline = Instant::now() + LIMIT;
                while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
    }
}

/// The number in `deno 2.9.6 (stable, …)`, `v20.20.2` or `1.4.5`.
fn parse_version(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let mut words = text.lines().next()?.split_whitespace();
    let number = |word: &str| {
        let number = word.strip_prefix('v').unwrap_or(word);
        let is_version = number.starts_with(|c: char| c.is_ascii_digit()) && number.contains('.');
        is_version.then(|| number.to_string())
    };
    words.find_map(number)
}

/// The line between the markers. Only markers on lines of their own count: a shell that traces commands prints them
/// within a line.
#[cfg(unix)]
fn parse_path(output: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt;

    let end = position(output, &format!("\n{END}\n"))?;
    let begin = format!("{BEGIN}\n");
    let start = position(&output[..end], &begin)? + begin.len();
    let path = output[start..end].rsplit(|&byte| byte == b'\n').next()?;
    (!path.is_empty()).then(|| OsString::from_vec(path.to_vec()))
}

/// The last position of `text` in `bytes`.
fn position(bytes: &[u8], text: &str) -> Option<usize> {
    bytes.windows(text.len()).rposition(|window| window == text.as_bytes())
}

#[cfg(all(test, unix))]
mod tests {
    use nix::sys::signal::kill;
    use nix::unistd::Pid;

    use super::*;
    use crate::patience::eventually;

    #[test]
    fn a_dropped_program_is_reaped_without_a_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let mut command = Command::new("sleep");
        command.arg("1000");
        let running = runtime.block_on(Running::start(command)).expect("it starts");
        let pid = running.child.as_ref().and_then(|child| child.id()).expect("it runs");
        drop(runtime);
        drop(running);
        let pid = Pid::from_raw(i32::try_from(pid).expect("a process id"));
        // A zombie still accepts signals.
        assert!(eventually(|| kill(pid, None).is_err()), "{pid} is left behind");
    }

    #[test]
    fn the_version_of_each_runtime_is_parsed() {
        for (output, expected) in [
            ("deno 2.9.6 (stable, release, x86_64)\nv8 15.0\n", Some("2.9.6")),
            ("v20.20.2\n", Some("20.20.2")),
            ("1.4.5\n", Some("1.4.5")),
            ("1.5.0-canary.1+abc\n", Some("1.5.0-canary.1+abc")),
            ("no version is set for command node\n", None),
            ("\n1.2.3\n", None),
            ("", None),
        ] {
            assert_eq!(parse_version(output.as_bytes()).as_deref(), expected, "{output:?}");
        }
    }

    #[test]
    fn the_path_is_the_line_between_the_markers() {
        for (output, expected) in [
            ("BEGIN\n/a:/b\nEND\n", Some("/a:/b")),
            ("Welcome!\nBEGIN\n/a b\nEND\nbye\n", Some("/a b")),
            ("\u{1b}]1337;\u{7}BEGIN\n/a\nEND\n", Some("/a")),
            ("echo BEGIN; printenv PATH; echo END\nBEGIN\n/a\nEND\n", Some("/a")),
            ("BEGIN\n\nEND\n", None),
            ("BEGIN\nEND\n", None),
            ("BEGIN\n/a\n", None),
            ("END\n/a\nBEGIN\n", None),
        ] {
            let output = output.replace("BEGIN", BEGIN).replace("END", END);
            let found = parse_path(output.as_bytes());
            assert_eq!(found, expected.map(OsString::from), "{output:?}");
        }
    }
}
