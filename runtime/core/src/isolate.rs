//! The embedded engine: one Deno isolate per process, on a thread of its own.
//!
//! Reading order: `engine` (who starts the threads), `worker` (what such a thread does), `program` and
//! `web_worker` (the isolates of one process), `stdio`, `guards` and `sources` (what stands between a
//! script and the application), `buffers`, `pulse` and `crash` (memory, time, the last resort), `loader`
//! (modules). An isolate never leaves its thread; only messages do. JavaScript cannot end or block the
//! application from here.

mod buffers;
mod control;
pub(crate) mod crash;
mod descriptors;
mod engine;
mod env;
mod exit;
mod files;
mod folder;
mod guards;
mod interrupt;
mod keeper;
mod line_door;
mod loader;
mod members;
mod meter;
mod offspring;
#[cfg(test)]
mod panics;
mod permissions;
mod program;
mod pulse;
mod signals;
mod sources;
mod stdio;
mod web_worker;
mod worker;

use tokio::sync::oneshot;

use self::keeper::Keeper;
pub(crate) use self::keeper::Kept;
pub(crate) use self::loader::Entry;
pub(crate) use self::meter::Meter;
use self::program::Program;
use crate::backend::Launch;
use crate::error::Error;
use crate::stop::StopRequest;

/// The version of Deno that the engine is made of.
pub(crate) const DENO_VERSION: &str = "2.9.6";

/// Starts the isolate; returns when the script is about to run.
pub(crate) async fn start(
    entry: Entry,
    launch: &Launch,
    stop: StopRequest,
) -> Result<(Meter, Kept), Error> {
    let failed = |message: String| Error::StartFailed { name: launch.name.clone(), message };
    let (ready, became_ready) = oneshot::channel();
    let (report, reported) = oneshot::channel();
    let Launch { config, cwd, input, sinks, .. } = launch;
    let program = Program::new(entry, config.clone(), cwd.clone(), input.clone(), sinks.clone());
    let runs = program.clone();
    let thread = engine::spawn(&launch.name, move || worker::run(&runs, ready, report))
        .await
        .map_err(failed)?;
    match became_ready.await {
        Ok(Ok(())) => {}
        Ok(Err(message)) => return Err(failed(message)),
        Err(_) => return Err(failed("the engine stopped while it was starting".to_owned())),
    }
    let meter = Meter { control: program.control.clone(), limit: program.limits.heap as u64 };
    Ok((meter, Keeper::new(program, thread, reported).keep(stop)))
}
