//! The shell that ends what is left, and its pipe.

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

/// How long the shell may take to end once it was dismissed, in milliseconds.
const DISMISSAL_MS: u32 = 1000;

/// One for the application, as long as anything may have to be ended.
pub(super) struct Guardian {
    token: String,
    numbers: AtomicU64,
    pipe: PipeWriter,
    /// Lines for which the pipe had no room, in their order.
    waiting: Mutex<VecDeque<String>>,
    shell: Mutex<Child>,
}

/// The guardian of all users, who are counted.
struct Shared {
    users: usize,
    guardian: Option<Arc<Guardian>>,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared { users: 0, guardian: None });

fn shared() -> MutexGuard<'static, Shared> {
    SHARED.lock()
}

/// While one lives, the guardian stays. Without any it goes with the last mark.
pub(crate) struct GuardianHandle(());

impl GuardianHandle {
    pub(crate) fn new() -> Self {
        shared().users += 1;
        Self(())
    }
}

impl Drop for GuardianHandle {
    fn drop(&mut self) {
        let mut shared = shared();
        shared.users -= 1;
        let last = if shared.users == 0 { shared.guardian.take() } else { None };
        drop(shared);
        // Waits for the shell.
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
        // On a thread of its own: what an isolate's thread has started ends with the isolate.
        let thread = std::thread::Builder::new().name("js-guardian".to_owned());
        let started = thread.spawn(Self::start)?.join();
        let started = started.map_err(|_| io::Error::other("the start panicked"))?;
        let guardian = Arc::new(started?);
        if shared.users > 0 {
            shared.guardian = Some(guardian.clone());
        }
        Ok(guardian)
    }

    fn start() -> io::Result<Self> {
        // Both ends are closed on exec: no child keeps the pipe open.
        let (reader, pipe) = io::pipe()?;
        // A shell that was stopped must not hold up whoever tells it something.
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let random = RandomState::new().hash_one(std::process::id());
        let token = format!("{}-{random:016x}", std::process::id());
        let system = if cfg!(target_os = "linux") { "linux" } else { "other" };
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "js-runtime-guardian", &token])
            .args([&getsid(None)?.to_string(), system])
            // An application that is itself marked leaves its mark to its children, not to this.
            .env_clear()
            .env("PATH", format!("/usr/bin:/bin:{path}"))
            .current_dir("/")
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // SAFETY: `setsid` may be called between fork and exec. What the terminal sends, and a kill of
        // the application's group, does not reach a session of its own.
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

    /// Writes one line, behind those that wait; so few bytes are written whole or not at all. What the pipe has no
    /// room for, as the shell is slow or was stopped, goes with the next line.
    pub(super) fn tell(&self, line: &str) {
        let mut waiting = self.waiting.lock();
        waiting.push_back(line.to_owned());
        send(&self.pipe, &mut waiting);
    }
}

/// Writes as many lines as there is room for. All are dropped when the shell was killed: nothing reads them.
fn send(mut pipe: impl Write, waiting: &mut VecDeque<String>) {
    while let Some(line) = waiting.front() {
        match pipe.write(line.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => drop(waiting.pop_front()),
        }
    }
}

impl Drop for Guardian {
    /// Nothing is left to be ended: whoever had a mark has ended what bears it.
    fn drop(&mut self) {
        self.tell("bye\n");
        let shell = self.shell.get_mut();
        for _ in 0..DISMISSAL_MS {
            if !matches!(shell.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // It was stopped, or the machine is very busy.
        let _ = shell.kill();
        let _ = shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    #[test]
    fn lines_that_a_full_pipe_has_no_room_for_are_sent_later_in_their_order() {
        let (reader, pipe) = io::pipe().expect("a pipe");
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("its flags");
        let mut waiting = VecDeque::new();
        let mut told = 0;
        // More than a pipe holds.
        while waiting.len() < 3 {
            waiting.push_back(format!("group {told}\n"));
            told += 1;
            send(&pipe, &mut waiting);
        }
        let mut reader = BufReader::new(reader);
        let mut heard = Vec::new();
        while heard.len() < told {
            // As the next line does.
            send(&pipe, &mut waiting);
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            heard.push(line);
        }
        let expected: Vec<_> = (0..told).map(|number| format!("group {number}\n")).collect();
        assert_eq!(heard, expected);
    }
}
