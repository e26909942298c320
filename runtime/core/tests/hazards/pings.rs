//! A well-behaved process that is pinged all the time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use js_runtime::{Backpressure, Event, SpawnConfig, Supervisor};

/// How long after one answer the next question comes.
const EVERY: Duration = Duration::from_millis(10);

/// The longest that an answer took, since somebody looked last.
#[derive(Clone, Default)]
pub(crate) struct Pings {
    worst: Rc<Cell<Duration>>,
    /// When the question was asked that is not answered yet.
    asked: Rc<Cell<Option<Instant>>>,
    has_answered: Rc<Cell<bool>>,
    failure: Rc<RefCell<Option<String>>>,
}

impl Pings {
    /// Starts the neighbour `name` and pings it for as long as the executor runs.
    pub(crate) async fn start(
        supervisor: &Arc<Supervisor>,
        name: &str,
        config: SpawnConfig,
    ) -> Self {
        let pings = Self::default();
        let started = supervisor.spawn_subscribed(name, config, Backpressure::Wait).await;
        let (_, mut events) = started.expect("a neighbour starts");
        let (task, supervisor, name) = (pings.clone(), supervisor.clone(), name.to_owned());
        tokio::task::spawn_local(async move {
            for number in 0_u64.. {
                let ping = number.to_string();
                let asked = Instant::now();
                task.asked.set(Some(asked));
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
                task.asked.set(None);
                task.has_answered.set(true);
                task.worst.set(task.worst.get().max(asked.elapsed()));
                tokio::time::sleep(EVERY).await;
            }
        });
        pings
    }

    /// The longest that an answer took since the last look; one that is still out counts.
    pub(crate) fn take(&self) -> Result<Duration, String> {
        if let Some(failure) = &*self.failure.borrow() {
            return Err(failure.clone());
        }
        let waiting = self.asked.get().map_or(Duration::ZERO, |asked| asked.elapsed());
        Ok(self.worst.take().max(waiting))
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.has_answered.get()
    }

    fn fail(&self, what: String) {
        *self.failure.borrow_mut() = Some(what);
    }
}

/// The script of all neighbours.
pub(crate) fn echo() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/echo-lines.mjs").to_owned()
}
