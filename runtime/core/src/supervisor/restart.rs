//! The restart policy: when a process that ended by itself is started again.

use std::time::Duration;

use crate::wire::{ExitReason, RestartPolicy, RestartWhen};

/// The longest back-off.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The number of consecutive restarts.
#[derive(Debug, Default)]
pub(crate) struct Retries(u32);

impl Retries {
    pub(crate) fn count(&self) -> u32 {
        self.0
    }

    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }

    /// The back-off before the next start; `None` for no restart.
    pub(crate) fn next_backoff(
        &mut self,
        policy: Option<RestartPolicy>,
        reason: &ExitReason,
        code: Option<i32>,
        uptime: Duration,
    ) -> Option<Duration> {
        let policy = policy?;
        let failed = *reason != ExitReason::Completed || code != Some(0);
        if policy.when == RestartWhen::OnFailure && !failed {
            return None;
        }
        // The cause of a failed start, such as a missing file, usually remains.
        if matches!(reason, ExitReason::StartFailed { .. }) {
            return None;
        }
        if uptime >= Duration::from_millis(policy.reset_after_ms.into()) {
            self.0 = 0;
        }
        if self.0 >= policy.max_retries {
            return None;
        }
        let wait = Duration::from_millis(policy.backoff_ms.into())
            .saturating_mul(2u32.saturating_pow(self.0))
            .min(MAX_BACKOFF);
        self.0 += 1;
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT_RUN: Duration = Duration::from_millis(1);

    fn policy(when: RestartWhen) -> RestartPolicy {
        RestartPolicy { when, max_retries: 3, backoff_ms: 100, reset_after_ms: 1000 }
    }

    #[test]
    fn the_wait_doubles_until_the_retries_are_used_up() {
        let mut retries = Retries::default();
        let mut next = || {
            let policy = Some(policy(RestartWhen::OnFailure));
            retries.next_backoff(policy, &ExitReason::Completed, Some(1), SHORT_RUN)
        };
        let waits = [next(), next(), next(), next()];
        assert_eq!(
            waits,
            [Some(100), Some(200), Some(400), None].map(|w| w.map(Duration::from_millis))
        );
    }

    #[test]
    fn a_long_run_resets_the_count() {
        let mut retries = Retries(3);
        let policy = Some(policy(RestartWhen::OnFailure));
        let uptime = Duration::from_secs(1);
        let wait = retries.next_backoff(policy, &ExitReason::HeapLimit, None, uptime);
        assert_eq!((wait, retries.count()), (Some(Duration::from_millis(100)), 1));
    }

    #[test]
    fn the_policy_decides_which_exits_restart() {
        let cases = [
            (None, ExitReason::Completed, Some(1), false),
            (Some(policy(RestartWhen::OnFailure)), ExitReason::Completed, Some(0), false),
            (Some(policy(RestartWhen::OnFailure)), ExitReason::Completed, Some(1), true),
            (
                Some(policy(RestartWhen::OnFailure)),
                ExitReason::Killed { signal: Some(9) },
                None,
                true,
            ),
            (Some(policy(RestartWhen::Always)), ExitReason::Completed, Some(0), true),
        ];
        for (policy, reason, code, restarts) in cases {
            let wait = Retries::default().next_backoff(policy, &reason, code, SHORT_RUN);
            assert_eq!(wait.is_some(), restarts, "{policy:?} {reason:?} {code:?}");
        }
    }
}
