//! The pool of warm isolates, which are bootstrapped before a start needs them.
//!
//! They are made with the memory limits of the last start, when there has been no start for a while, and ended when the
//! machine is short of memory.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;

use super::engine;
use crate::generation::plan::MemoryLimits;
use crate::isolate::lifecycle::isolate_thread::{self, StartMessage};
use crate::isolate::lifecycle::shared_state::SharedState;
use crate::system_memory;

/// Default number of warm isolates.
const DEFAULT_SIZE: usize = 1;

/// Delay from the last start until the pool is refilled: a bootstrap takes as much processor time as a start.
const IDLE: Duration = Duration::from_millis(100);

/// Interval of checks for memory pressure while isolates wait.
const MEMORY_CHECK: Duration = Duration::from_secs(10);

/// How long a warm isolate may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Smallest heap of a warm isolate, in bytes: the preloaded modules would take much of a smaller one.
const MIN_HEAP: usize = 64 << 20;

/// The thread of an isolate that waits for its start message.
pub(crate) struct WarmIsolate {
    pub(crate) shared: Arc<SharedState>,
    pub(crate) start: oneshot::Sender<StartMessage>,
    pub(crate) thread: JoinHandle<()>,
    /// Whether the isolate is ready; closed if it has failed.
    ready: watch::Receiver<bool>,
    /// Resolves when the thread is about to return.
    gone: oneshot::Receiver<()>,
}

impl WarmIsolate {
    /// Starts a thread that bootstraps an isolate.
    pub(crate) async fn new(thread_name: &str, memory: MemoryLimits) -> Result<Self, String> {
        let shared = SharedState::new(memory);
        let (start, message) = oneshot::channel();
        let (guard, gone) = oneshot::channel::<()>();
        let (is_ready, ready) = watch::channel(false);
        let state = shared.clone();
        let body = move || {
            let _guard = guard;
            isolate_thread::run(&state, message, &is_ready);
        };
        let thread = engine::spawn(thread_name, body).await?;
        Ok(Self { shared, start, thread, ready, gone })
    }

    fn has(&self, memory: MemoryLimits) -> bool {
        self.shared.memory == memory
    }

    /// Whether it waits for its start message and has not failed.
    fn is_usable(&self) -> bool {
        let control = &self.shared.control;
        !self.start.is_closed() && !control.crash.has_happened() && control.self_ended().is_none()
    }

    /// Ends it. Returns when the thread is gone, has crashed, or after [`END_TIMEOUT`].
    async fn end(self) {
        drop(self.start);
        tokio::select! {
            () = self.shared.control.crash.happened() => {}
            gone = timeout(END_TIMEOUT, self.gone) => {
                if gone.is_ok() {
                    // The thread may still block in dropping values.
                    let joined = tokio::task::spawn_blocking(|| self.thread.join());
                    let _ = timeout(END_TIMEOUT, joined).await;
                }
            }
        }
    }
}

/// The warm isolates of one supervisor. Clones share them.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    size: usize,
    state: Mutex<State>,
    /// Notified by a start or a request for warm isolates.
    changed: Notify,
    /// Number of attempts to fill the pool.
    attempts: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    waiting: Vec<WarmIsolate>,
    /// The limits of the next isolates; `None` before the first start.
    memory: Option<MemoryLimits>,
    closed: bool,
}

impl Pool {
    pub(crate) fn new(size: Option<usize>) -> Self {
        Self(Arc::new(Shared {
            size: size.unwrap_or(DEFAULT_SIZE),
            state: Mutex::default(),
            changed: Notify::new(),
            attempts: watch::Sender::new(0),
        }))
    }

    /// Takes an isolate with these limits, if there is one, preferably a ready one. The pool is refilled with the same
    /// limits.
    pub(crate) fn take(&self, memory: MemoryLimits) -> Option<WarmIsolate> {
        if memory.heap < MIN_HEAP {
            return None;
        }
        let mut state = self.lock();
        state.memory = Some(memory);
        state.waiting.retain(WarmIsolate::is_usable);
        let ready = state.waiting.iter().position(|warm| warm.has(memory) && *warm.ready.borrow());
        let found = ready.or_else(|| state.waiting.iter().position(|warm| warm.has(memory)));
        let found = found.map(|at| state.waiting.remove(at));
        drop(state);
        self.0.changed.notify_one();
        found
    }

    /// Fills the pool with isolates with these limits, unless a start has set others.
    pub(crate) fn fill_for(&self, memory: MemoryLimits) {
        if memory.heap < MIN_HEAP {
            return;
        }
        self.lock().memory.get_or_insert(memory);
        self.0.changed.notify_one();
    }

    /// Keeps the pool full. Never returns unless the size is 0.
    pub(crate) async fn refill_loop(self) {
        if self.0.size == 0 {
            return;
        }
        loop {
            if self.lock().waiting.is_empty() {
                self.0.changed.notified().await;
            } else if timeout(MEMORY_CHECK, self.0.changed.notified()).await.is_err() {
                if system_memory::is_short() {
                    self.empty().await;
                }
                continue;
            }
            while timeout(IDLE, self.0.changed.notified()).await.is_ok() {}
            if !system_memory::is_short() {
                self.fill().await;
            }
            self.0.attempts.send_modify(|attempts| *attempts += 1);
        }
    }

    /// Waits until the pool is full and its isolates are ready, or an attempt to fill it has failed.
    pub(crate) async fn filled(&self) {
        let mut attempts = self.0.attempts.subscribe();
        // A running attempt may be for other limits.
        for _ in 0..2 {
            if self.is_filled() {
                break;
            }
            self.0.changed.notify_one();
            // The sender is this pool's own.
            let _ = attempts.changed().await;
        }
        let ready = |warm: &WarmIsolate| warm.ready.clone();
        let all: Vec<_> = self.lock().waiting.iter().map(ready).collect();
        for mut ready in all {
            // An error means that the isolate has failed.
            let _ = ready.wait_for(|is_ready| *is_ready).await;
        }
    }

    /// Whether no isolates are to be made.
    fn is_filled(&self) -> bool {
        let state = self.lock();
        let Some(memory) = state.memory.filter(|_| self.0.size > 0 && !state.closed) else {
            return true;
        };
        let wanted = state.waiting.iter().filter(|warm| warm.has(memory));
        wanted.count() >= self.0.size
    }

    async fn fill(&self) {
        let Some(memory) = self.end_unwanted().await else { return };
        while !self.is_full() {
            // Fails without a free thread; a start then reports the error.
            let Ok(warm) = WarmIsolate::new("js-warm", memory).await else { return };
            if let Some(late) = self.add(warm) {
                late.end().await;
            }
        }
    }

    /// Adds it; returns it if the pool is closed.
    fn add(&self, warm: WarmIsolate) -> Option<WarmIsolate> {
        let mut state = self.lock();
        if state.closed {
            return Some(warm);
        }
        state.waiting.push(warm);
        None
    }

    /// Ends the isolates with other limits than the next ones. Returns the limits of the next ones.
    async fn end_unwanted(&self) -> Option<MemoryLimits> {
        let memory = self.lock().memory?;
        let is_unwanted = |warm: &mut WarmIsolate| !warm.has(memory);
        let unwanted: Vec<_> = self.lock().waiting.extract_if(.., is_unwanted).collect();
        join_all(unwanted.into_iter().map(WarmIsolate::end)).await;
        Some(memory)
    }

    fn is_full(&self) -> bool {
        let state = self.lock();
        state.closed || state.waiting.len() >= self.0.size
    }

    async fn empty(&self) {
        let all = std::mem::take(&mut self.lock().waiting);
        join_all(all.into_iter().map(WarmIsolate::end)).await;
    }

    /// Ends all isolates and stops refilling.
    pub(crate) async fn close(&self) {
        self.lock().closed = true;
        self.empty().await;
        self.0.attempts.send_modify(|attempts| *attempts += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }
}

#[cfg(test)]
mod tests;
