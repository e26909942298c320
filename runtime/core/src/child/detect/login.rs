//! `PATH` as the login shell sets it, asked once.

use std::ffi::{OsStr, OsString};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// A shell that has not answered is not asked again for so long: it takes its whole limit of time.
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

    /// What `ask` answered the first time that it did.
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
    async fn unasked() -> Option<OsString> {
        panic!("the shell is asked again")
    }

    #[tokio::test]
    async fn a_shell_that_did_not_answer_is_asked_again_later_and_one_that_did_is_not() {
        let login = LoginPath::new(Duration::ZERO);
        assert_eq!(login.get(async { None }).await, None);
        assert_eq!(login.get(async { Some("/bin".into()) }).await, Some("/bin".as_ref()));
        assert_eq!(login.get(unasked()).await, Some("/bin".as_ref()));

        let login = LoginPath::new(Duration::from_hours(1));
        assert_eq!(login.get(async { None }).await, None);
        assert_eq!(login.get(unasked()).await, None);
    }
}
