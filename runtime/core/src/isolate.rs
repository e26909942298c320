//! The embedded engine: one Deno isolate per process, on a thread of its own.
//!
//! Reading order: `engine` (who starts the threads), `worker` (what such a thread does), `prepared` and
//! `pool` (how much of that comes before a start), `commons`, `program` and `web_worker` (the isolates
//! of one process), `stdio`, `guards` and `sources` (what stands between a
//! script and the application), `buffers`, `pulse` and `crash` (memory, time, the last resort), `loader`
//! (modules). An isolate never leaves its thread; only messages do. JavaScript cannot end or block the
//! application from here.

mod bell;
mod buffers;
mod certificates;
mod commons;
mod control;
pub(crate) mod crash;
mod descriptors;
mod engine;
mod env;
mod executable;
mod exit;
mod files;
mod folder;
mod guards;
mod inherit;
mod interrupt;
mod keeper;
mod line_door;
mod loader;
mod members;
mod meter;
mod native;
mod offspring;
mod options;
#[cfg(test)]
mod panics;
mod partial_lines;
mod permissions;
mod pool;
mod prepared;
mod program;
mod proxies;
mod pulse;
mod signals;
mod sources;
mod stdio;
mod system_files;
mod thread_clock;
mod tls;
mod watch;
mod web_worker;
mod worker;

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
use crate::backend::Launch;
use crate::detect::Detector;
use crate::error::Error;
use crate::plan::Plan;
use crate::stop::StopRequest;

/// The version of Deno that the engine is made of.
pub(crate) const DENO_VERSION: &str = "2.9.6";

/// Starts the isolate, one that waits in `pool` if there is one; returns when the script is about to
/// run.
pub(crate) async fn start(
    pool: &Pool,
    detector: &Detector,
    entry: Entry,
    launch: &Launch,
    stop: StopRequest,
) -> Result<(Meter, Kept), Error> {
    let failed = |message: String| Error::StartFailed { name: launch.name.clone(), message };
    let (ready, became_ready) = oneshot::channel();
    let (report, reported) = oneshot::channel();
    let Launch { config, cwd, input, sinks, .. } = launch;
    let memory = Plan::engine(config).memory;
    let prepared = if Env::is_read_early(&config.env) { None } else { pool.take(memory) };
    let Vacant { commons, order, thread, .. } = match prepared {
        Some(vacant) => vacant,
        None => Vacant::new(&format!("js:{}", launch.name), memory).await.map_err(failed)?,
    };
    let (input, sinks) = (input.clone(), sinks.clone());
    let program =
        Program::new(commons, entry, config.clone(), cwd.clone(), input, sinks, detector.clone());
    let name = launch.name.clone();
    // Fails when the thread has ended, and then nothing becomes ready.
    let _ = order.send(Order { name, program: program.clone(), ready, report });
    match became_ready.await {
        Ok(Ok(())) => {}
        Ok(Err(message)) => return Err(failed(message)),
        Err(_) => return Err(failed("the engine stopped while it was starting".to_owned())),
    }
    let meter = Meter { control: program.control.clone(), limit: memory.heap as u64 };
    Ok((meter, Keeper::new(program, thread, reported).keep(stop)))
}
