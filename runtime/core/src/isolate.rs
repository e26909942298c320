//! The embedded engine: one Deno isolate per process, on a thread of its own.
//!
//! Reading order: `engine` (who starts the threads), `worker` (what such a thread does), `prepared` and
//! `pool` (how much of that comes before a start), `commons`, `program` and `web_worker` (the isolates
//! of one process), `stdio`, `guards`, `op_checks`, `op_buffers` and `sources` (what stands between a
//! script and the application), `buffers`, `buffer_pages`, `pulse` and `crash` (memory, time, the last resort), `loader`
//! (modules). An isolate never leaves its thread; only messages do. JavaScript cannot end or block the
//! application from here.

mod bell;
mod blobs;
mod buffer_pages;
mod buffers;
mod certificates;
mod code_cache;
mod commons;
mod compressors;
mod control;
pub(crate) mod crash;
mod descriptors;
mod engine;
mod env;
mod executable;
mod exit;
mod files;
mod folder;
mod footprint;
mod guards;
mod handles;
mod held_memory;
mod http2_sessions;
mod http_parsers;
mod inherit;
mod interrupt;
mod keeper;
mod key_sizes;
mod line_door;
mod loader;
mod members;
mod memory_limit;
mod meter;
#[cfg(unix)]
mod multicast;
mod native;
mod native_methods;
mod objects;
mod offspring;
mod op_buffers;
mod op_checks;
mod op_entry;
pub(crate) mod open_files;
mod options;
mod originals;
#[cfg(test)]
mod own_program;
#[cfg(test)]
mod panics;
mod partial_lines;
mod permissions;
mod pool;
mod ports;
mod prepared;
mod process_threads;
mod program;
mod proxies;
mod pulse;
#[cfg(unix)]
mod remove_tree;
mod signals;
mod sizes;
mod sources;
mod spawn;
mod sqlite;
mod stdio;
mod system_files;
mod thread_clock;
mod tls;
mod unix_sockets;
mod verdicts;
mod watch;
mod web_worker;
mod worker;
mod worker_args;

use tokio::sync::oneshot;

use self::env::Env;
use self::keeper::Keeper;
pub(crate) use self::keeper::Kept;
pub(crate) use self::loader::Entry;
pub(crate) use self::meter::Meter;
pub(crate) use self::pool::Pool;
use self::pool::Vacant;
use self::program::Program;
use self::worker::Order;
use crate::backend::launch::Launch;
use crate::backend::plan::Plan;
use crate::backend::stop::StopRequest;
use crate::child::detect::Detector;
use crate::error::Error;

/// The version of Deno that the engine is made of.
pub(crate) const DENO_VERSION: &str = "2.9.8";

/// An isolate that is being told what to run, and that is watched over from here on.
pub(crate) struct Starting {
    name: String,
    meter: Meter,
    kept: Kept,
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
    let prepared = if Env::is_read_early(&config.env) { None } else { pool.take(memory) };
    let Vacant { commons, order, thread, .. } = match prepared {
        Some(vacant) => vacant,
        None => Vacant::new(&format!("js:{name}"), memory)
            .await
            .map_err(|message| Error::StartFailed { name: name.clone(), message })?,
    };
    let (input, sinks) = (input.clone(), sinks.clone());
    let program =
        Program::new(commons, entry, config.clone(), cwd.clone(), input, sinks, detector.clone());
    let meter = Meter { control: program.control.clone(), limit: memory.heap as u64 };
    // Fails when the thread has ended, and then nothing becomes ready.
    let _ = order.send(Order {
        name: name.clone(),
        program: program.clone(),
        ready: becomes_ready,
        report,
    });
    let kept = Keeper::new(program, thread, reported).keep(stop);
    Ok(Starting { name: name.clone(), meter, kept, ready })
}

impl Starting {
    /// Returns when the script is about to run; after a failure or an end, when nothing is left of it.
    pub(crate) async fn started(mut self) -> Result<(Meter, Kept), Error> {
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
