//! Calls from Rust by `Supervisor::connect`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use js_runtime::Supervisor;
use js_runtime::rpc::Remote;

use crate::session::{Subject, config, end, new_name};

pub(crate) struct RustCaller {
    supervisor: Arc<Supervisor>,
    name: String,
    remote: Remote,
}

impl RustCaller {
    pub(crate) async fn start(
        supervisor: &Arc<Supervisor>,
        subject: Subject,
        script: &str,
    ) -> Self {
        let Subject::Ours(runtime) = subject else {
            panic!("{subject}: only backends of a supervisor can be called");
        };
        let name = new_name();
        let spawned = supervisor.spawn(&name, config(runtime, script)).await;
        spawned.unwrap_or_else(|error| panic!("{subject}: {error}"));
        let remote = supervisor.connect(&name).expect("it runs");
        Self { supervisor: supervisor.clone(), name, remote }
    }

    /// The time of one call.
    pub(crate) async fn one(&self) -> Duration {
        let started = Instant::now();
        let sum: usize = self.remote.call("add", (41, 1)).await.expect("it answers");
        let time = started.elapsed();
        assert_eq!(sum, 42);
        time
    }

    /// The time of `count` calls, at most `in_flight` at a time.
    pub(crate) async fn many(&self, count: usize, in_flight: usize) -> Duration {
        let started = Instant::now();
        let calls = (0..count).map(|number| self.remote.call("add", (number, 1)).into_future());
        let sums = stream::iter(calls).buffer_unordered(in_flight);
        let add = async |total: usize, sum: Result<usize, _>| total + sum.expect("it answers");
        let total = sums.fold(0, add).await;
        let time = started.elapsed();
        assert_eq!(total, count * (count + 1) / 2);
        time
    }

    /// This program and the child, if it is one.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let own = std::process::id();
        let child = self.supervisor.status(&self.name).ok().and_then(|info| info.pid);
        [own].into_iter().chain(child.filter(|pid| *pid != own)).collect()
    }

    pub(crate) async fn end(self) {
        drop(self.remote);
        end(&self.supervisor, &self.name).await;
    }
}
