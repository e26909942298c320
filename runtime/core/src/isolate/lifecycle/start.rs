//! Starts an embedded process on a warm isolate or a new one.

use tokio::sync::oneshot;

use crate::child::detect::Detector;
use crate::error::Error;
use crate::generation::Launch;
use crate::generation::plan::EngineLimits;
use crate::generation::stop::{Stopper, stop_channel};
use crate::isolate::lifecycle::isolate_thread::StartMessage;
use crate::isolate::lifecycle::monitor::{IsolateMonitor, MonitorHandle};
use crate::isolate::lifecycle::pool::{Pool, WarmIsolate};
use crate::isolate::lifecycle::process_context::ProcessContext;
use crate::isolate::limits::control::Meter;
use crate::isolate::modules::Entry;
use crate::isolate::sandbox::env::Env;

/// Starts `entry` on an isolate, a warm one if `pool` has one. Returns when the script is about to run; after a failure,
/// when the isolate is gone.
pub(crate) async fn start(
    pool: &Pool,
    detector: &Detector,
    entry: Entry,
    launch: &Launch,
) -> Result<(Stopper, Meter, MonitorHandle), Error> {
    let failed = |message| Error::StartFailed { name: launch.name.clone(), message };
    let config = &launch.plan.config;
    let memory = EngineLimits::new(config.limits).memory;
    let warm = if Env::affects_bootstrap(&config.env) { None } else { pool.take(memory) };
    let isolate = if let Some(isolate) = warm {
        isolate
    } else {
        let thread_name = format!("js:{}", launch.name);
        WarmIsolate::new(&thread_name, memory).await.map_err(failed)?
    };
    let process = ProcessContext::new(isolate.shared, entry, launch, detector.clone());
    let meter = Meter { control: process.control.clone(), limit: memory.heap as u64 };
    let (is_ready, mut ready) = oneshot::channel();
    let (report, reported) = oneshot::channel();
    // Fails if the thread has ended; `ready` then returns an error.
    let _ = isolate.start.send(StartMessage { process: process.clone(), ready: is_ready, report });
    let (stopper, stop) = stop_channel();
    let mut monitor = IsolateMonitor::new(process, isolate.thread, reported).spawn(stop);
    launch.backend_starts(stopper.clone(), false);
    // A blocked or crashed thread is given up; its `ready` stays open.
    let result = tokio::select! {
        biased;
        result = &mut ready => Some(result),
        _ = &mut monitor.exit => None,
    };
    let has_exited = result.is_none();
    let message = match result {
        Some(Ok(Ok(()))) => {
            launch.backend_started();
            return Ok((stopper, meter, monitor));
        }
        Some(Ok(Err(message))) => message,
        Some(Err(_)) | None => "the engine stopped while it was starting".to_owned(),
    };
    if !has_exited {
        // The error of the start is reported, not this exit.
        let _ = monitor.exit.await;
    }
    launch.backend_started();
    Err(failed(message))
}
