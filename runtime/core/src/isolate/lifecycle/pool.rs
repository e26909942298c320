//! Isolates that were prepared before anybody asked, so that a start does not wait for it.
//!
//! They are made when nothing has been started for a while, with the limits of memory that the last
//! start had, and given up when the machine runs short of memory.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;

use super::engine;
use crate::backend::plan::MemoryLimits;
use crate::isolate::lifecycle::isolate_thread::{self, IsolateStart};
use crate::isolate::lifecycle::shared_state::SharedState;
use crate::system_memory;

/// How many wait unless somebody says otherwise.
const SIZE: usize = 1;

/// Preparing takes the processor as a start does, and must not be in the way of one: so long after the
/// last it begins.
const IDLE: Duration = Duration::from_millis(100);

/// How often to look whether memory is short, while any wait.
const LOOK: Duration = Duration::from_secs(10);

/// How long one has to end, which has nothing to do but that.
const PATIENCE: Duration = Duration::from_secs(5);

/// Heaps that are smaller are left to their scripts: what is loaded beforehand would be much of them.
const LEAST_HEAP: usize = 64 << 20;

/// An isolate's thread that was not told yet what to run.
pub(crate) struct WarmIsolate {
    pub(crate) commons: Arc<SharedState>,
    pub(crate) order: oneshot::Sender<IsolateStart>,
    pub(crate) thread: JoinHandle<()>,
    /// Whether nothing is left to prepare; closed when it never will be.
    prepared: watch::Receiver<bool>,
    /// Resolves when the thread is about to return.
    gone: oneshot::Receiver<()>,
}

impl WarmIsolate {
    /// Begins to prepare one.
    pub(crate) async fn new(thread_name: &str, memory: MemoryLimits) -> Result<Self, String> {
        let commons = SharedState::new(memory);
        let (order, ordered) = oneshot::channel();
        let (going, gone) = oneshot::channel::<()>();
        let (done, prepared) = watch::channel(false);
        let runs = commons.clone();
        let body = move || {
            let _going = going;
            isolate_thread::run(&runs, ordered, &done);
        };
        let thread = engine::spawn(thread_name, body).await?;
        Ok(Self { commons, order, thread, prepared, gone })
    }

    /// Whether it still waits, and has not failed.
    fn is_sound(&self) -> bool {
        let control = &self.commons.control;
        !self.order.is_closed() && !control.crash.has_happened() && control.self_ended().is_none()
    }

    /// Ends it; returns when it is gone, or will never be.
    async fn end(self) {
        drop(self.order);
        tokio::select! {
            () = self.commons.control.crash.happened() => {}
            gone = timeout(PATIENCE, self.gone) => {
                if gone.is_ok() {
                    // What a panic said was printed. What the thread drops at its end may still hang.
                    let joined = tokio::task::spawn_blocking(|| self.thread.join());
                    let _ = timeout(PATIENCE, joined).await;
                }
            }
        }
    }
}

/// The isolates that wait for one supervisor's starts. Clones share them.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    size: usize,
    state: Mutex<State>,
    /// Something was started or asked for.
    stirred: Notify,
    /// How many times there was an attempt to make as many as are wanted.
    attempts: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    waiting: Vec<WarmIsolate>,
    /// What the next ones are to have; none are wanted before the first start.
    memory: Option<MemoryLimits>,
    closed: bool,
}

impl Pool {
    pub(crate) fn new(size: Option<usize>) -> Self {
        Self(Arc::new(Shared {
            size: size.unwrap_or(SIZE),
            state: Mutex::default(),
            stirred: Notify::new(),
            attempts: watch::Sender::new(0),
        }))
    }

    /// One that was prepared for as much memory, if there is one. From now on such are wanted.
    pub(crate) fn take(&self, memory: MemoryLimits) -> Option<WarmIsolate> {
        if memory.heap < LEAST_HEAP {
            return None;
        }
        let mut state = self.lock();
        state.memory = Some(memory);
        state.waiting.retain(WarmIsolate::is_sound);
        let found = state.waiting.iter().position(|vacant| vacant.commons.memory == memory);
        let found = found.map(|at| state.waiting.remove(at));
        drop(state);
        self.0.stirred.notify_one();
        found
    }

    /// Has some prepared for as much memory, without waiting for the first start.
    pub(crate) fn fill_for(&self, memory: MemoryLimits) {
        if memory.heap < LEAST_HEAP {
            return;
        }
        self.lock().memory.get_or_insert(memory);
        self.0.stirred.notify_one();
    }

    /// Keeps as many as there are to be, for ever. Runs beside everything else.
    pub(crate) async fn tend(self) {
        if self.0.size == 0 {
            return;
        }
        loop {
            if self.lock().waiting.is_empty() {
                self.0.stirred.notified().await;
            } else if timeout(LOOK, self.0.stirred.notified()).await.is_err() {
                if system_memory::is_short() {
                    self.empty().await;
                }
                continue;
            }
            while timeout(IDLE, self.0.stirred.notified()).await.is_ok() {}
            if !system_memory::is_short() {
                self.fill().await;
            }
            self.0.attempts.send_modify(|attempts| *attempts += 1);
        }
    }

    /// Waits until as many are prepared as are wanted, or cannot be now.
    pub(crate) async fn filled(&self) {
        let mut attempts = self.0.attempts.subscribe();
        // The one that is under way may be for other limits.
        for _ in 0..2 {
            if self.is_filled() {
                break;
            }
            self.0.stirred.notify_one();
            // The sender is this pool's own.
            let _ = attempts.changed().await;
        }
        let prepared = |vacant: &WarmIsolate| vacant.prepared.clone();
        let all: Vec<_> = self.lock().waiting.iter().map(prepared).collect();
        for mut prepared in all {
            // An error says that it never will be.
            let _ = prepared.wait_for(|is_prepared| *is_prepared).await;
        }
    }

    /// Whether no more are to be made: none are wanted, or all that are.
    fn is_filled(&self) -> bool {
        let state = self.lock();
        let Some(memory) = state.memory.filter(|_| self.0.size > 0 && !state.closed) else {
            return true;
        };
        let wanted = state.waiting.iter().filter(|vacant| vacant.commons.memory == memory);
        wanted.count() >= self.0.size
    }

    async fn fill(&self) {
        let Some(memory) = self.unwanted_gone().await else { return };
        while !self.is_full() {
            // Without threads there are none that wait, and starts say why.
            let Ok(vacant) = WarmIsolate::new("js-vacant", memory).await else { return };
            if let Some(late) = self.add(vacant) {
                late.end().await;
            }
        }
    }

    /// Gives it back when no more are wanted.
    fn add(&self, vacant: WarmIsolate) -> Option<WarmIsolate> {
        let mut state = self.lock();
        if state.closed {
            return Some(vacant);
        }
        state.waiting.push(vacant);
        None
    }

    /// Ends those with other limits than are wanted, which are returned.
    async fn unwanted_gone(&self) -> Option<MemoryLimits> {
        let memory = self.lock().memory?;
        let is_unwanted = |vacant: &mut WarmIsolate| vacant.commons.memory != memory;
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

    /// Ends all, and prepares no more.
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
