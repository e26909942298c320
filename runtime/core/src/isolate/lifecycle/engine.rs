//! The thread from which every isolate's thread descends.
//!
//! On CPUs with memory protection keys, V8's code pages are open only to threads that descend from
//! the one that initialised it. A library cannot claim the application's main thread for that, so
//! this one initialises V8 and starts all the others. V8 cannot be shut down, so the thread stays for
//! the life of the application; it sleeps. Some time after isolates have ended it gives back to the
//! system what they had taken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use deno_runtime::deno_core::{JsRuntime, v8_set_flags};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::isolate::crash;
use crate::isolate::limits::buffer_pages;
use crate::isolate::sandbox::sqlite;
use crate::system_memory;

/// JavaScript recursion ends at V8's own limit long before; the room is for native recursion (deep
/// JSON, deeply nested source), which has none. Only touched pages count.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// The first word is taken for a program's name and skipped.
///
/// Unrolling: when V8 150 unrolls a short inner loop that has no interrupt check of its own, it drops
/// the outer loop's instead (`for (;;) new Array(1000)`). Such a script could neither be killed nor
/// stopped at its heap limit.
///
/// Pool: pages of an isolate that has ended are else kept for others, and for ever if none comes.
///
/// WebAssembly: a module may fill its memory in one call, which nothing interrupts, so a memory has 1 GiB at the
/// most.
const V8_FLAGS: [&str; 4] = [
    "js-runtime",
    "--no-turboshaft-loop-unrolling",
    "--no-memory-pool-share-memory-on-teardown",
    "--wasm-max-mem-pages=16384",
];

/// From the end of an isolate until its memory is given back: so that many ends are one occasion.
const SETTLES: Duration = Duration::from_secs(2);

enum Task {
    Start(Job),
    /// An isolate has ended.
    Ended,
}

struct Job {
    name: String,
    body: Box<dyn FnOnce() + Send>,
    started: oneshot::Sender<std::io::Result<JoinHandle<()>>>,
}

/// `None` before the first start, and after one that failed.
static ENGINE: Mutex<Option<mpsc::Sender<Task>>> = Mutex::new(None);

/// The engine, started if it is not. A failure is not kept: the next call may find what was lacking.
fn engine(
    engine: &Mutex<Option<mpsc::Sender<Task>>>,
    start: impl FnOnce() -> Result<mpsc::Sender<Task>, String>,
) -> Result<mpsc::Sender<Task>, String> {
    let mut engine = engine.lock();
    if let Some(started) = &*engine {
        return Ok(started.clone());
    }
    Ok(engine.insert(start()?).clone())
}

/// Runs `body` on a new thread, called so.
pub(crate) async fn spawn(
    thread_name: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, String> {
    let engine = engine(&ENGINE, start)?;
    let (started, answer) = oneshot::channel();
    let ends = engine.clone();
    let body = move || {
        body();
        // Fails when the engine's thread is gone.
        let _ = ends.send(Task::Ended);
    };
    let job = Job { name: thread_name.to_owned(), body: Box::new(body), started };
    engine.send(Task::Start(job)).map_err(|_| "the engine thread is gone".to_owned())?;
    match answer.await {
        Ok(Ok(thread)) => Ok(thread),
        Ok(Err(error)) => Err(format!("could not start a thread: {error}")),
        Err(_) => Err("the engine thread is gone".to_owned()),
    }
}

/// Calls this thread after the process that it now runs, for whoever lists the system's threads.
#[cfg(target_os = "linux")]
pub(crate) fn name_thread(process: &str) {
    if let Ok(name) = std::ffi::CString::new(format!("js:{process}")) {
        // The system takes what of it is not too long.
        let _ = nix::sys::prctl::set_name(&name);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn name_thread(_: &str) {}

fn start() -> Result<mpsc::Sender<Task>, String> {
    let (jobs, inbox) = mpsc::channel();
    thread::Builder::new()
        .name("js-engine".to_owned())
        .spawn(move || {
            // An isolate's stderr is a log, never the terminal that the application may have.
            deno_runtime::colors::set_use_color(false);
            crash::enter_as_engine();
            v8_set_flags(V8_FLAGS.map(str::to_owned).to_vec());
            JsRuntime::init_platform(None);
            buffer_pages::count();
            sqlite::configure();
            // Fails without threads or descriptors, and then what it would hold off is not.
            let _ = crash::prepare();
            serve(&inbox);
        })
        .map(|_| jobs)
        .map_err(|error| format!("could not start the engine thread: {error}"))
}

fn serve(inbox: &mpsc::Receiver<Task>) {
    let (mut due, mut latest): (Option<Instant>, _) = (None, Instant::now());
    loop {
        let task = match due {
            None => inbox.recv().map_err(mpsc::RecvTimeoutError::from),
            Some(due) => inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match task {
            Ok(Task::Start(job)) => job.start(),
            Ok(Task::Ended) => {
                latest = Instant::now();
                due.get_or_insert(latest + SETTLES);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                // And again when the one that ended last has settled.
                due = Some(latest + SETTLES).filter(|due| *due > Instant::now());
                give_back();
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// On a thread of its own: one that is parked may hold a lock of the allocator's for ever, and so may one
/// that is parked meanwhile.
fn give_back() {
    static IS_UNDER_WAY: AtomicBool = AtomicBool::new(false);
    if crash::parked() > 0 || IS_UNDER_WAY.swap(true, Ordering::AcqRel) {
        return;
    }
    let giver = thread::Builder::new().name("js-memory".to_owned()).spawn(|| {
        system_memory::trim();
        IS_UNDER_WAY.store(false, Ordering::Release);
    });
    if giver.is_err() {
        IS_UNDER_WAY.store(false, Ordering::Release);
    }
}

impl Job {
    fn start(self) {
        let thread =
            thread::Builder::new().name(self.name).stack_size(STACK_BYTES).spawn(self.body);
        // Nobody waits when the spawn was cancelled; the isolate ends by its own keeper.
        let _ = self.started.send(thread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_failed_is_tried_again_and_one_that_did_not_is_kept() {
        let place = Mutex::new(None);
        let failed = engine(&place, || Err("no thread to spare".to_owned()));
        assert_eq!(failed.err().as_deref(), Some("no thread to spare"));
        let (jobs, inbox) = mpsc::channel();
        let started = engine(&place, || Ok(jobs)).expect("the second start succeeds");
        let again = engine(&place, || panic!("it runs")).expect("it runs");
        for sender in [started, again] {
            sender.send(Task::Ended).expect("the inbox is there");
        }
        assert_eq!(inbox.try_iter().count(), 2);
    }
}
