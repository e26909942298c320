//! Kills the remaining children when the application is gone, also after SIGKILL or a crash.
//!
//! The guardian is a small shell process, started with the first child, that reads a pipe from the application. When
//! the pipe ends, it kills the process groups that were reported to it, and on Linux every process that has the
//! application's mark in its environment. Descendants inherit the mark, whatever group they join. Processes in other
//! sessions are killed only if their mark says so. On Windows job objects do the same.

#[cfg(target_os = "linux")]
mod marked;
#[cfg(unix)]
mod shell;

use std::sync::{Arc, OnceLock};

#[cfg(unix)]
use self::shell::Guardian;
#[cfg(unix)]
pub(crate) use self::shell::GuardianHandle;

/// The environment variable with the mark.
pub(crate) const VARIABLE: &str = "JS_RUNTIME_APP";

/// The mark of one process and its descendants. Registered with the guardian on first use. Clones share it.
#[derive(Clone)]
pub(crate) struct Mark(Arc<Shared>);

struct Shared {
    /// Whether descendants in other sessions are killed too.
    reaches_sessions: bool,
    registration: OnceLock<Option<Registration>>,
}

impl Mark {
    pub(crate) fn new(reaches_sessions: bool) -> Self {
        Self(Arc::new(Shared { reaches_sessions, registration: OnceLock::new() }))
    }

    /// The value of [`VARIABLE`]; `None` on systems other than Linux. Starts the guardian.
    pub(crate) fn value(&self) -> Option<String> {
        let registration = self.registration()?;
        cfg!(target_os = "linux").then(|| registration.value())
    }

    /// Reports a new process group. Starts the guardian.
    pub(crate) fn group_started(&self, leader: u32) {
        if let Some(registration) = self.registration() {
            registration.send(&format!("group {leader}\n"));
        }
    }

    /// Reports that the process group is gone.
    pub(crate) fn group_ended(&self, leader: u32) {
        if let Some(Some(registration)) = self.0.registration.get() {
            registration.send(&format!("ended {leader}\n"));
        }
    }

    /// Kills every process with the mark.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(clippy::unused_async, clippy::unused_self, reason = "the same shape as on Linux")
    )]
    pub(crate) async fn end_marked(&self) {
        #[cfg(target_os = "linux")]
        if let Some(Some(registration)) = self.0.registration.get() {
            let (value, reaches_sessions) = (registration.value(), self.0.reaches_sessions);
            let kill = move || marked::kill_all(VARIABLE, &value, reaches_sessions);
            // An error means that the supervisor's executor has ended.
            let _ = tokio::task::spawn_blocking(kill).await;
        }
    }

    /// `None` if the guardian cannot start, without a shell or free descriptors; children start without it.
    fn registration(&self) -> Option<&Registration> {
        let register = || Registration::new(self.0.reaches_sessions).ok();
        self.0.registration.get_or_init(register).as_ref()
    }
}

#[cfg(unix)]
struct Registration {
    guardian: Arc<Guardian>,
    number: u64,
}

#[cfg(unix)]
impl Registration {
    fn new(reaches_sessions: bool) -> std::io::Result<Self> {
        let guardian = Guardian::shared()?;
        let registration = Self { number: guardian.next_number(), guardian };
        if reaches_sessions {
            registration.send(&format!("sessions {}\n", registration.number));
        }
        Ok(registration)
    }

    fn value(&self) -> String {
        format!("{}.{}", self.guardian.token(), self.number)
    }

    fn send(&self, line: &str) {
        self.guardian.send(line);
    }
}

/// Windows needs no guardian: job objects kill the children.
#[cfg(not(unix))]
struct Registration;

#[cfg(not(unix))]
pub(crate) struct GuardianHandle;

#[cfg(not(unix))]
impl GuardianHandle {
    pub(crate) fn new() -> Self {
        Self
    }
}

#[cfg(not(unix))]
impl Registration {
    fn new(_: bool) -> std::io::Result<Self> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "the same shape as on Unix")]
    fn value(&self) -> String {
        String::new()
    }

    #[expect(clippy::unused_self, reason = "the same shape as on Unix")]
    fn send(&self, _: &str) {}
}
