//! The guardian's shell process and the pipe to it.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, PipeWriter, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{getsid, setsid};
use parking_lot::{Mutex, MutexGuard};

const SCRIPT: &str = include_str!("guardian.sh");

/// How long the shell may take to exit after `bye`, in milliseconds.
const EXIT_MS: u32 = 1000;

/// The guardian of the application.
pub(super) struct Guardian {
    token: String,
    numbers: AtomicU64,
    pipe: PipeWriter,
    /// Lines for which the pipe had no space, in order.
    waiting: Mutex<VecDeque<String>>,
    shell: Mutex<Child>,
}

/// The guardian, and the number of handles to it.
struct Shared {
    handles: usize,
    guardian: Option<Arc<Guardian>>,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared { handles: 0, guardian: None });

fn shared() -> MutexGuard<'static, Shared> {
    SHARED.lock()
}

/// Keeps the guardian running. Without a handle the guardian exits with the last mark.
pub(crate) struct GuardianHandle(());

impl GuardianHandle {
    pub(crate) fn new() -> Self {
        shared().handles += 1;
        Self(())
    }
}

impl Drop for GuardianHandle {
    fn drop(&mut self) {
        let mut shared = shared();
        shared.handles -= 1;
        let last = if shared.handles == 0 { shared.guardian.take() } else { None };
        drop(shared);
        // Without the lock, because this waits for the shell.
        drop(last);
    }
}

impl Guardian {
    /// The application's guardian, started if there is none.
    pub(super) fn shared() -> io::Result<Arc<Self>> {
        let mut shared = shared();
        if let Some(guardian) = shared.guardian.as_ref().filter(|guardian| guardian.is_alive()) {
            return Ok(guardian.clone());
        }
        // On a thread of its own: programs that an isolate's thread has started end with the isolate.
        let thread = std::thread::Builder::new().name("js-guardian".to_owned());
        let started = thread.spawn(Self::start)?.join();
        let started = started.map_err(|_| io::Error::other("the start panicked"))?;
        let guardian = Arc::new(started?);
        if shared.handles > 0 {
            shared.guardian = Some(guardian.clone());
        }
        Ok(guardian)
    }

    fn start() -> io::Result<Self> {
        // Both ends are close-on-exec: no child keeps the pipe open.
        let (reader, pipe) = io::pipe()?;
        // A write to a stopped shell must not block.
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let random = RandomState::new().hash_one(std::process::id());
        let token = format!("{}-{random:016x}", std::process::id());
        let system = if cfg!(target_os = "linux") { "linux" } else { "other" };
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "js-runtime-guardian", &token])
            .args([&getsid(None)?.to_string(), system])
            // The application itself may be marked; the guardian must not inherit that mark.
            .env_clear()
            .env("PATH", format!("/usr/bin:/bin:{path}"))
            .current_dir("/")
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // In its own session the shell gets no signal of the terminal or of a kill of the application's group.
        // SAFETY: `setsid` is async-signal-safe, and the closure neither allocates nor takes a lock.
        unsafe { command.pre_exec(|| Ok(setsid().map(drop)?)) };
        let shell = Mutex::new(command.spawn()?);
        let waiting = Mutex::default();
        Ok(Self { token, numbers: AtomicU64::new(1), pipe, waiting, shell })
    }

    fn is_alive(&self) -> bool {
        let mut shell = self.shell.lock();
        matches!(shell.try_wait(), Ok(None))
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes one line after the waiting lines. If the pipe is full, because the shell is slow or stopped, the line is
    /// written with the next one. A line is short enough to be written atomically.
    pub(super) fn send(&self, line: &str) {
        let mut waiting = self.waiting.lock();
        waiting.push_back(line.to_owned());
        write_lines(&self.pipe, &mut waiting);
    }
}

/// Writes lines until the pipe is full. All are dropped if the shell was killed.
fn write_lines(mut pipe: impl Write, waiting: &mut VecDeque<String>) {
    while let Some(line) = waiting.front() {
        match pipe.write(line.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => drop(waiting.pop_front()),
        }
    }
}

impl Drop for Guardian {
    /// Ends the shell. No marked process is left: each owner of a mark has killed its own.
    fn drop(&mut self) {
        self.send("bye\n");
        let shell = self.shell.get_mut();
        for _ in 0..EXIT_MS {
            if !matches!(shell.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // The shell is stopped, or the machine is busy.
        let _ = shell.kill();
        let _ = shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    #[test]
    fn lines_for_a_full_pipe_are_sent_later_in_order() {
        let (reader, pipe) = io::pipe().expect("a pipe");
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("its flags");
        let mut waiting = VecDeque::new();
        let mut sent = 0;
        // More than the capacity of a pipe.
        while waiting.len() < 3 {
            waiting.push_back(format!("group {sent}\n"));
            sent += 1;
            write_lines(&pipe, &mut waiting);
        }
        let mut reader = BufReader::new(reader);
        let mut received = Vec::new();
        while received.len() < sent {
            write_lines(&pipe, &mut waiting);
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            received.push(line);
        }
        let expected: Vec<_> = (0..sent).map(|number| format!("group {number}\n")).collect();
        assert_eq!(received, expected);
    }
}
