//! Asks a program one question, within a time limit, and leaves nothing of it behind.
//!
//! Profile scripts and version managers do as they like: they print, wait for input, start
//! daemons, never end. So every program here gets no stdin and a session of its own, which is killed
//! as a whole once the answer is there, the time is up, or nobody waits for the answer any more.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

/// How long a runtime gets to say its version, and the login shell to say its `PATH`: many times what either
/// takes, for a machine that has just started or is busy. Only what never answers takes it all. VS Code gives
/// the login shell as long.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// More than this is not an answer.
const MOST: usize = 256 * 1024;

/// The version `program` prints, without a leading `v`; `None` when it fails or takes longer than `limit`.
pub(super) async fn version(program: &Path, limit: Duration) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version");
    let asked = async {
        let mut running = Running::start(command).await?;
        let line = running.read_through("\n").await;
        // A program that prints a version and then fails would fail for a script, too.
        running.child.as_mut()?.wait().await.ok()?.success().then(|| parse_version(&line))?
    };
    timeout(limit, asked).await.ok()?
}

/// `PATH` as the login shell sets it up.
#[cfg(unix)]
pub(super) async fn login_path() -> Option<OsString> {
    let fallback = if cfg!(target_os = "macos") { "/bin/zsh" } else { "/bin/sh" };
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    shell_path(&shell.unwrap_or_else(|| fallback.into()), LIMIT).await
}

/// Windows gives every program the user's `PATH`.
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
    // Version managers write to the files of interactive shells; not every shell takes `-i` here.
    // The script is the same in sh, bash, zsh, dash and fish, which a use of `$PATH` is not.
    for flags in ["-ilc", "-lc"] {
        let mut command = Command::new(shell);
        command.arg(flags).arg(format!("echo {BEGIN}; printenv PATH; echo {END}"));
        let asked = async {
            let mut running = Running::start(command).await?;
            parse_path(&running.read_through(&format!("\n{END}\n")).await)
        };
        match timeout_at(deadline, asked).await {
            Ok(None) => {}
            Ok(found) => return found,
            Err(_) => return None,
        }
    }
    None
}

/// A started program whose whole session ends with this value.
struct Running {
    /// `None` when it is dropped.
    child: Option<Box<dyn ChildWrapper>>,
    stdout: ChildStdout,
}

impl Running {
    /// Off the supervisor's thread: loading a program may wait for a network folder.
    async fn start(command: Command) -> Option<Self> {
        // If the caller is dropped meanwhile, the result is dropped too, which kills the program.
        tokio::task::spawn_blocking(|| Self::start_blocking(command)).await.ok()?
    }

    fn start_blocking(mut command: Command) -> Option<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut command = CommandWrap::from(command);
        // A session and not only a group: an interactive shell in a mere background group of the
        // terminal the application was started from would be stopped for touching it.
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

    /// What it printed up to `last`, and perhaps a little more; all of it when it never says so.
    async fn read_through(&mut self, last: &str) -> Vec<u8> {
        let mut output = vec![];
        let mut seen = 0;
        // A daemon started by a profile script may keep the pipe open, so the end may never come.
        while output.len() < MOST && position(&output[seen..], last).is_none() {
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
    /// Reaps the program on a thread, unless it is reaped. Tokio does so only while a runtime of its own runs, and
    /// the supervisor's may have ended.
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // It fails when nothing is left to kill.
        let _ = child.start_kill();
        if matches!(child.try_wait(), Ok(None)) {
            let reaper = std::thread::Builder::new().name("js-reaper".to_owned());
            // Without a thread to spare the program stays a zombie until a runtime of Tokio reaps it.
            let _ = reaper.spawn(move || {
                let give_up = Instant::now() + LIMIT;
                while matches!(child.try_wait(), Ok(None)) && Instant::now() < give_up {
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
    }
}

/// `deno 2.9.6 (stable, …)`, `v20.20.2` or `1.4.5`, of which only the number is wanted.
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

/// What stands on the line between the markers. Only whole lines count: a shell that traces what it
/// runs prints the markers in the middle of a line.
#[cfg(unix)]
fn parse_path(output: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt;

    let end = position(output, &format!("\n{END}\n"))?;
    let begin = format!("{BEGIN}\n");
    let start = position(&output[..end], &begin)? + begin.len();
    let path = output[start..end].rsplit(|&byte| byte == b'\n').next()?;
    (!path.is_empty()).then(|| OsString::from_vec(path.to_vec()))
}

/// Where `text` stands for the last time.
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
    fn a_program_that_is_asked_is_reaped_when_the_runtime_is_gone() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let mut command = Command::new("sleep");
        command.arg("1000");
        let running = runtime.block_on(Running::start(command)).expect("it starts");
        let pid = running.child.as_ref().and_then(|child| child.id()).expect("it runs");
        drop(runtime);
        drop(running);
        let pid = Pid::from_raw(i32::try_from(pid).expect("a process id"));
        // A zombie still takes signals.
        assert!(eventually(|| kill(pid, None).is_err()), "{pid} is left behind");
    }

    #[test]
    fn a_version_is_found_in_what_each_runtime_prints() {
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
    fn the_path_is_what_stands_between_the_markers_whatever_else_is_printed() {
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
