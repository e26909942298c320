//! The start of an embedded process: takes a warm isolate or makes one, and hands it the script.

use tokio::sync::oneshot;

use crate::backend::launch::Launch;
use crate::backend::plan::Plan;
use crate::backend::stop::StopRequest;
use crate::child::detect::Detector;
use crate::error::Error;
use crate::isolate::lifecycle::isolate_thread::IsolateStart;
use crate::isolate::lifecycle::monitor::IsolateMonitor;
use crate::isolate::lifecycle::monitor::MonitorHandle;
use crate::isolate::lifecycle::pool::Pool;
use crate::isolate::lifecycle::pool::WarmIsolate;
use crate::isolate::lifecycle::process_context::ProcessContext;
use crate::isolate::limits::usage_probe::Meter;
use crate::isolate::modules::Entry;
use crate::isolate::sandbox::env::Env;

/// An isolate that is being told what to run, and that is watched over from here on.
pub(crate) struct Starting {
    name: String,
    meter: Meter,
    kept: MonitorHandle,
    /// Resolves when the script is about to run.
    ready: oneshot::Receiver<Result<(), String>>,
}

/// Begins to start the isolate, one that waits in `pool` if there is one. `stop` ends it at any time.
pub(crate) async fn begin(
    pool: &Pool,
    detector: &Detector,
    entry: Entry,
    launch: &Launch,
    stop: StopRequest,
) -> Result<Starting, Error> {
    let (becomes_ready, ready) = oneshot::channel();
    let (report, reported) = oneshot::channel();
    let Launch { name, config, cwd, input, sinks, .. } = launch;
    let memory = Plan::engine(config).memory;
    let prepared = if Env::affects_bootstrap(&config.env) { None } else { pool.take(memory) };
    let WarmIsolate { commons, order, thread, .. } = match prepared {
        Some(vacant) => vacant,
        None => WarmIsolate::new(&format!("js:{name}"), memory)
            .await
            .map_err(|message| Error::StartFailed { name: name.clone(), message })?,
    };
    let (input, sinks) = (input.clone(), sinks.clone());
    let program = ProcessContext::new(
        commons,
        entry,
        config.clone(),
        cwd.clone(),
        input,
        sinks,
        detector.clone(),
    );
    let meter = Meter { control: program.control.clone(), limit: memory.heap as u64 };
    // Fails when the thread has ended, and then nothing becomes ready.
    let _ = order.send(IsolateStart {
        name: name.clone(),
        program: program.clone(),
        ready: becomes_ready,
        report,
    });
    let kept = IsolateMonitor::new(program, thread, reported).keep(stop);
    Ok(Starting { name: name.clone(), meter, kept, ready })
}

impl Starting {
    /// Returns when the script is about to run; after a failure or an end, when nothing is left of it.
    pub(crate) async fn started(mut self) -> Result<(Meter, MonitorHandle), Error> {
        // A thread that hangs, or that has failed natively, is given up and leaves `ready` open.
        let ready = tokio::select! {
            biased;
            ready = &mut self.ready => Some(ready),
            _ = &mut self.kept.exit => None,
        };
        let has_word = ready.is_some();
        let message = match ready {
            Some(Ok(Ok(()))) => return Ok((self.meter, self.kept)),
            Some(Ok(Err(message))) => message,
            Some(Err(_)) | None => "the engine stopped while it was starting".to_owned(),
        };
        if has_word {
            // What is reported is that it did not start.
            let _ = self.kept.exit.await;
        }
        Err(Error::StartFailed { name: self.name, message })
    }
}
