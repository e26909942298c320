//! The engine thread, which initialises V8 and starts all isolates' threads.
//!
//! On CPUs with memory protection keys, only descendants of the thread that initialised V8 can access its code pages. A
//! library cannot use the application's main thread for that. V8 cannot be shut down, so the thread lives as long as
//! the application. Some time after isolates have ended, it returns their memory to the system.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use deno_runtime::deno_core::{JsRuntime, v8_set_flags};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::v8_flags::V8_FLAGS;
use crate::crash;
use crate::isolate::limits::buffer_pages;
use crate::isolate::sandbox::sqlite;
use crate::system_memory;

/// V8 limits the stack of JavaScript to much less. The rest is for native recursion (deep JSON, deeply nested source).
/// Only used pages take memory.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Delay from the end of an isolate until memory is returned to the system, once for many ends.
const RELEASE_DELAY: Duration = Duration::from_secs(2);

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

/// The engine thread, started if it is not running. After a failure the next call tries again.
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

/// Runs `body` on a new thread with this name.
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

/// Names this thread after its process, for tools that list threads.
#[cfg(target_os = "linux")]
pub(crate) fn name_thread(process: &str) {
    if let Ok(name) = std::ffi::CString::new(format!("js:{process}")) {
        // The kernel truncates a long name.
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
            // An isolate's stderr is a log, not the application's terminal.
            deno_runtime::colors::set_use_color(false);
            crash::mark_engine_thread();
            v8_set_flags(V8_FLAGS.map(str::to_owned).to_vec());
            JsRuntime::init_platform(None);
            buffer_pages::install();
            sqlite::configure();
            // Fails without threads or descriptors; then native failures are not contained.
            let _ = crash::install_handlers();
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
                due.get_or_insert(latest + RELEASE_DELAY);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                // Once more if another isolate has ended meanwhile.
                due = Some(latest + RELEASE_DELAY).filter(|due| *due > Instant::now());
                release_memory();
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Returns free memory to the system, on a thread of its own: a crashed, parked thread may hold a lock of the allocator
/// and block it.
fn release_memory() {
    static IS_RUNNING: AtomicBool = AtomicBool::new(false);
    if crash::parked_threads() > 0 || IS_RUNNING.swap(true, Ordering::AcqRel) {
        return;
    }
    let thread = thread::Builder::new().name("js-memory".to_owned()).spawn(|| {
        system_memory::trim();
        IS_RUNNING.store(false, Ordering::Release);
    });
    if thread.is_err() {
        IS_RUNNING.store(false, Ordering::Release);
    }
}

impl Job {
    fn start(self) {
        let thread =
            thread::Builder::new().name(self.name).stack_size(STACK_BYTES).spawn(self.body);
        // The receiver is gone if the spawn was cancelled; then the isolate gets no start message and ends.
        let _ = self.started.send(thread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failed_start_of_the_engine_is_tried_again() {
        let slot = Mutex::new(None);
        let failed = engine(&slot, || Err("no thread".to_owned()));
        assert_eq!(failed.err().as_deref(), Some("no thread"));
        let (jobs, inbox) = mpsc::channel();
        let started = engine(&slot, || Ok(jobs)).expect("the second start succeeds");
        let again = engine(&slot, || panic!("it runs")).expect("it runs");
        for sender in [started, again] {
            sender.send(Task::Ended).expect("the inbox is there");
        }
        assert_eq!(inbox.try_iter().count(), 2);
    }
}
