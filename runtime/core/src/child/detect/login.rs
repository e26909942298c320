//! The `PATH` of the user's login shell, cached.

use std::ffi::{OsStr, OsString};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// The shell is not started again for so long after a failure, because a failure takes its whole time limit.
const RETRY_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct LoginPath {
    path: OnceCell<OsString>,
    failed: Mutex<Option<Instant>>,
    retry_after: Duration,
}

impl Default for LoginPath {
    fn default() -> Self {
        Self::new(RETRY_AFTER)
    }
}

impl LoginPath {
    fn new(retry_after: Duration) -> Self {
        Self { path: OnceCell::new(), failed: Mutex::default(), retry_after }
    }

    /// The first successful result of `ask`.
    pub(super) async fn get(&self, ask: impl Future<Output = Option<OsString>>) -> Option<&OsStr> {
        let answer = self.path.get_or_try_init(|| async {
            if self.has_just_failed() {
                return Err(());
            }
            let answer = ask.await.ok_or(());
            *self.failed.lock() = answer.is_err().then(Instant::now);
            answer
        });
        answer.await.ok().map(OsString::as_os_str)
    }

    fn has_just_failed(&self) -> bool {
        let failed = *self.failed.lock();
        failed.is_some_and(|failed| failed.elapsed() < self.retry_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unused_async)]
    async fn unused() -> Option<OsString> {
        panic!("the shell is started again")
    }

    #[tokio::test]
    async fn only_a_failed_shell_is_started_again_and_only_later() {
        let login = LoginPath::new(Duration::ZERO);
        assert_eq!(login.get(async { None }).await, None);
        assert_eq!(login.get(async { Some("/bin".into()) }).await, Some("/bin".as_ref()));
        assert_eq!(login.get(unused()).await, Some("/bin".as_ref()));

        let login = LoginPath::new(Duration::from_hours(1));
        assert_eq!(login.get(async { None }).await, None);
        assert_eq!(login.get(unused()).await, None);
    }
}
