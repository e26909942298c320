//! Runs a bundle, for the tests of cached code.

use std::sync::Arc;

use crate::io::event::Event;
use crate::patience::finishes;
use crate::wire::{ExitReason, Runtime, SpawnConfig};
use crate::{Backpressure, Supervisor};

/// Runs a module with this source to its end, on a new isolate.
pub(super) fn run(source: &Arc<str>) {
    let supervisor = Supervisor::builder().warm_isolates(0).bundle("script", source.clone());
    let supervisor = supervisor.build().expect("a thread");
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = async {
        let script = SpawnConfig::script(Runtime::Embedded, "script");
        let spawned = supervisor.spawn_subscribed("script", script, Backpressure::Wait).await;
        let mut events = spawned.expect("the script starts").1;
        while let Some(record) = events.recv().await {
            if let Event::Exit { reason, .. } = record.event {
                assert_eq!(reason, ExitReason::Completed);
                break;
            }
        }
        supervisor.shutdown().await;
    };
    executor.expect("an executor").block_on(finishes(ended)).expect("the script ends");
}
