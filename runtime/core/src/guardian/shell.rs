//! The shell that ends what is left, and its pipe.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, PipeWriter, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{getsid, setsid};

const SCRIPT: &str = include_str!("guardian.sh");

/// How long the shell may take to end once it was dismissed, in milliseconds.
const DISMISSAL_MS: u32 = 1000;

/// One for the application, as long as anything may have to be ended.
pub(super) struct Guardian {
    token: String,
    numbers: AtomicU64,
    pipe: PipeWriter,
    shell: Mutex<Child>,
}

/// The guardian of all users, who are counted.
struct Shared {
    users: usize,
    guardian: Option<Arc<Guardian>>,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared { users: 0, guardian: None });

fn shared() -> MutexGuard<'static, Shared> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While one lives, the guardian stays. Without any it goes with the last mark.
pub(crate) struct User(());

impl User {
    pub(crate) fn new() -> Self {
        shared().users += 1;
        Self(())
    }
}

impl Drop for User {
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
        Ok(Self { token, numbers: AtomicU64::new(1), pipe, shell })
    }

    fn is_alive(&self) -> bool {
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(shell.try_wait(), Ok(None))
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes one line; so few bytes are written whole or not at all.
    pub(super) fn tell(&self, line: &str) {
        // Fails when somebody has killed or stopped the shell: then the group has no guardian.
        let _ = (&self.pipe).write(line.as_bytes());
    }
}

impl Drop for Guardian {
    /// Nothing is left to be ended: whoever had a mark has ended what bears it.
    fn drop(&mut self) {
        self.tell("bye\n");
        let shell = self.shell.get_mut().unwrap_or_else(PoisonError::into_inner);
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
