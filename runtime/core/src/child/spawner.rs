//! The threads that start children.
//!
//! Starting a program may block on a network folder, and the kernel's parent-death signal is sent when the *thread*
//! that started a child ends. So children are started on threads that may block and live as long as the supervisor.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct Spawner {
    /// The idle threads; a thread ends when its sender is dropped.
    idle: Mutex<Vec<mpsc::Sender<Job>>>,
}

impl Spawner {
    /// Runs `work` on one of the threads, in the context of the caller's executor, also if the future is dropped.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let idle = self.idle().pop();
        let thread = match idle {
            Some(thread) => thread,
            None => start()?,
        };
        let (done, result) = oneshot::channel();
        let (executor, spawner, next) = (Handle::current(), Arc::downgrade(self), thread.clone());
        let job: Job = Box::new(move || {
            let entered = executor.enter();
            // A panic must not end the thread: the kernel would kill its children.
            let outcome = catch_unwind(AssertUnwindSafe(work));
            if let Some(spawner) = spawner.upgrade() {
                spawner.idle().push(next);
            }
            // A result without a receiver is dropped in the executor's context too.
            drop(outcome.map(|result| done.send(result)));
            drop(entered);
        });
        let gone = "the thread that starts children is gone";
        thread.send(job).map_err(|_| io::Error::other(gone))?;
        result.await.map_err(|_| io::Error::other("the start of the child panicked"))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<mpsc::Sender<Job>>> {
        self.idle.lock()
    }
}

fn start() -> io::Result<mpsc::Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let thread = std::thread::Builder::new().name("js-spawner".to_owned());
    thread.spawn(move || jobs.into_iter().for_each(|job| job()))?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn a_blocked_start_blocks_no_other_and_idle_threads_are_reused() {
        let spawner = Arc::new(Spawner::default());
        let (release, released) = mpsc::channel::<()>();
        let waits = spawner.run(move || (released.recv().is_ok(), thread::current().id()));
        let two_more = async {
            let first = spawner.run(|| thread::current().id()).await.expect("a thread");
            let second = spawner.run(|| thread::current().id()).await.expect("a thread");
            release.send(()).expect("it still waits");
            (first, second)
        };
        let (waited, (first, second)) = tokio::join!(waits, two_more);
        let (was_released, own) = waited.expect("a thread");
        assert!(was_released);
        assert_ne!(own, first);
        assert_eq!(first, second);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_its_thread_is_reused() {
        let spawner = Arc::new(Spawner::default());
        let before = spawner.run(|| thread::current().id()).await.expect("a thread");
        assert!(spawner.run(|| panic!("on purpose")).await.is_err());
        let after = spawner.run(|| thread::current().id()).await.expect("a thread");
        assert_eq!(before, after);
    }
}
