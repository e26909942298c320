//! Pings a well-behaved process continuously.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use js_runtime::{Backpressure, Event, SpawnConfig, Supervisor};

/// The pause between an answer and the next ping.
const INTERVAL: Duration = Duration::from_millis(10);

/// The answers of one process.
#[derive(Clone, Default)]
pub(crate) struct Pings {
    /// The slowest answer since the last [`Pings::take`].
    worst: Rc<Cell<Duration>>,
    /// The time of the unanswered ping.
    sent: Rc<Cell<Option<Instant>>>,
    has_answered: Rc<Cell<bool>>,
    failure: Rc<RefCell<Option<String>>>,
}

impl Pings {
    /// Starts the process `name` and pings it for as long as the executor runs.
    pub(crate) async fn start(
        supervisor: &Arc<Supervisor>,
        name: &str,
        config: SpawnConfig,
    ) -> Self {
        let pings = Self::default();
        let started = supervisor.spawn_subscribed(name, config, Backpressure::Wait).await;
        let (_, mut events) = started.expect("the script starts");
        let (task, supervisor, name) = (pings.clone(), supervisor.clone(), name.to_owned());
        tokio::task::spawn_local(async move {
            for number in 0_u64.. {
                let ping = number.to_string();
                let sent = Instant::now();
                task.sent.set(Some(sent));
                let written = supervisor.write_stdin(&name, format!("{ping}\n")).await;
                if let Err(error) = written {
                    return task.fail(format!("{name}: {error}"));
                }
                loop {
                    match events.recv().await.map(|record| record.event) {
                        Some(Event::Stdout(line)) if line == ping => break,
                        Some(Event::State(_)) => {}
                        other => return task.fail(format!("{name}: {other:?}")),
                    }
                }
                task.sent.set(None);
                task.has_answered.set(true);
                task.worst.set(task.worst.get().max(sent.elapsed()));
                tokio::time::sleep(INTERVAL).await;
            }
        });
        pings
    }

    /// Returns and resets the slowest answer. Counts the time of an unanswered ping so far.
    pub(crate) fn take(&self) -> Result<Duration, String> {
        if let Some(failure) = &*self.failure.borrow() {
            return Err(failure.clone());
        }
        let waiting = self.sent.get().map_or(Duration::ZERO, |sent| sent.elapsed());
        Ok(self.worst.take().max(waiting))
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.has_answered.get()
    }

    fn fail(&self, failure: String) {
        *self.failure.borrow_mut() = Some(failure);
    }
}

/// The script of well-behaved processes.
pub(crate) fn echo() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/echo-lines.mjs").to_owned()
}
