//! Ends what the application's processes have started, however the application ends.
//!
//! A small shell process, started with the first child, reads a pipe whose other end only the application holds.
//! When the application is gone, by SIGKILL or a crash, the pipe ends, and the shell kills what is left: the
//! process groups that it was told of, and on Linux everything that has the application's mark in its
//! environment. A mark is inherited by all that a process starts, whatever group it joins; a session of its own
//! is respected unless the mark says otherwise. On Windows job objects do the same.

#[cfg(target_os = "linux")]
mod marked;
#[cfg(unix)]
mod shell;

use std::sync::{Arc, OnceLock};

#[cfg(unix)]
use self::shell::Guardian;
#[cfg(unix)]
pub(crate) use self::shell::GuardianHandle;

/// The variable that carries a mark.
pub(crate) const VARIABLE: &str = "JS_RUNTIME_APP";

/// The mark of one process and all that it starts; made when something is about to be started. Clones share it.
#[derive(Clone)]
pub(crate) struct Mark(Arc<Shared>);

struct Shared {
    /// Whether sessions of their own are no refuge.
    reaches_sessions: bool,
    made: OnceLock<Option<Made>>,
}

impl Mark {
    pub(crate) fn new(reaches_sessions: bool) -> Self {
        Self(Arc::new(Shared { reaches_sessions, made: OnceLock::new() }))
    }

    /// What the variable is set to; `None` where environments cannot be read. Starts the guardian.
    pub(crate) fn value(&self) -> Option<String> {
        let made = self.made()?;
        cfg!(target_os = "linux").then(|| made.value())
    }

    /// The group of a child began. Starts the guardian.
    pub(crate) fn group_began(&self, leader: u32) {
        if let Some(made) = self.made() {
            made.tell(&format!("group {leader}\n"));
        }
    }

    /// Everything in the group was ended.
    pub(crate) fn group_ended(&self, leader: u32) {
        if let Some(Some(made)) = self.0.made.get() {
            made.tell(&format!("ended {leader}\n"));
        }
    }

    /// Kills everything that has the mark.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(clippy::unused_async, clippy::unused_self, reason = "the same shape as on Linux")
    )]
    pub(crate) async fn end_marked(&self) {
        #[cfg(target_os = "linux")]
        if let Some(Some(made)) = self.0.made.get() {
            let (value, reaches_sessions) = (made.value(), self.0.reaches_sessions);
            let end = move || marked::end(VARIABLE, &value, reaches_sessions);
            // An error says that the supervisor's thread is gone, and whoever waits with it.
            let _ = tokio::task::spawn_blocking(end).await;
        }
    }

    /// Without a guardian, for want of a shell or of descriptors, children start all the same.
    fn made(&self) -> Option<&Made> {
        self.0.made.get_or_init(|| Made::new(self.0.reaches_sessions).ok()).as_ref()
    }
}

#[cfg(unix)]
struct Made {
    guardian: Arc<Guardian>,
    number: u64,
}

#[cfg(unix)]
impl Made {
    fn new(reaches_sessions: bool) -> std::io::Result<Self> {
        let guardian = Guardian::shared()?;
        let made = Self { number: guardian.next_number(), guardian };
        if reaches_sessions {
            made.tell(&format!("sessions {}\n", made.number));
        }
        Ok(made)
    }

    fn value(&self) -> String {
        format!("{}.{}", self.guardian.token(), self.number)
    }

    fn tell(&self, line: &str) {
        self.guardian.tell(line);
    }
}

/// Job objects need no help.
#[cfg(not(unix))]
struct Made;

/// The same name as on Unix.
#[cfg(not(unix))]
pub(crate) struct GuardianHandle;

#[cfg(not(unix))]
impl GuardianHandle {
    pub(crate) fn new() -> Self {
        Self
    }
}

#[cfg(not(unix))]
impl Made {
    fn new(_: bool) -> std::io::Result<Self> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "the same shape as on Unix")]
    fn value(&self) -> String {
        String::new()
    }

    #[expect(clippy::unused_self, reason = "the same shape as on Unix")]
    fn tell(&self, _: &str) {}
}
