//! Attributes threads to processes that have not entered one themselves.
//!
//! Deno and Tokio start threads for an isolate, for example the blocking pool of a worker. On Linux a thread inherits
//! the timer slack of the thread that starts it. So each process has a number, which its threads carry in their timer
//! slack: a few microseconds more than the default, without a noticeable effect. Child processes inherit it too. V8's
//! own threads are started by the engine's first thread, which has number 0. They work for all isolates and only
//! sometimes have a current one.
//!
//! On other systems only threads that have entered a process are attributed.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Crash;

/// The count of numbers before they repeat. A thread that outlives as many processes is attributed to a later one.
const NUMBERS: usize = 4096;

/// The number of threads that work for all processes.
const ENGINE: usize = 0;

/// The timer slack of number 0, in nanoseconds: near the default of 50 µs, but unlikely to be set by a program.
#[cfg(target_os = "linux")]
const SLACK: usize = 50_017;

struct Owners {
    /// By number, from 1.
    processes: Vec<Weak<Crash>>,
    /// The latest assigned number.
    latest: usize,
    /// By address of the isolate.
    isolates: Vec<(usize, Weak<Crash>)>,
}

/// A `std` mutex, like all state that is shared with signal handling.
static OWNERS: Mutex<Owners> =
    Mutex::new(Owners { processes: Vec::new(), latest: ENGINE, isolates: Vec::new() });

fn with<T>(act: impl FnOnce(&mut Owners) -> T) -> T {
    act(&mut OWNERS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The owner of a thread that has not entered a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The process with this number; all processes for [`ENGINE`].
    Number(usize),
    /// The process of the isolate at this address.
    Isolate(usize),
}

/// Marks this thread, and thereby the threads that it starts, with the number of the process.
pub(super) fn number_thread(crash: &Arc<Crash>) {
    let number = *crash.number.get_or_init(|| with(|owners| owners.add(crash)));
    mark(number);
}

/// Marks this thread, and thereby the threads that it starts, as the engine's.
pub(super) fn mark_as_engine() {
    mark(ENGINE);
}

/// The owner of this thread; `None` if it is not the engine's. Async-signal-safe.
pub(super) fn of_this_thread() -> Option<Owner> {
    let number = marked()?;
    if number != ENGINE {
        return Some(Owner::Number(number));
    }
    Some(match current_isolate() {
        0 => Owner::Number(ENGINE),
        isolate => Owner::Isolate(isolate),
    })
}

unsafe extern "C" {
    /// `v8::Isolate::TryGetCurrent`. V8's threads set it for most of their garbage collection.
    #[link_name = "_ZN2v87Isolate13TryGetCurrentEv"]
    fn try_get_current() -> *mut c_void;
}

/// The address of this thread's current isolate; 0 if there is none.
fn current_isolate() -> usize {
    // SAFETY: the function takes no arguments and only reads a thread-local variable.
    unsafe { try_get_current() }.addr()
}

/// The processes that the failure of a thread affects.
pub(super) fn processes_of(owner: Owner) -> Vec<Arc<Crash>> {
    with(|owners| match owner {
        Owner::Isolate(address) => {
            let found = owners.isolates.iter().find(|(isolate, _)| *isolate == address);
            match found {
                Some((_, process)) => process.upgrade().into_iter().collect(),
                None => owners.all(),
            }
        }
        Owner::Number(ENGINE) => owners.all(),
        Owner::Number(number) => {
            owners.processes.get(number - 1).and_then(Weak::upgrade).into_iter().collect()
        }
    })
}

/// Registers the isolate that this thread has entered. Returns the argument for [`unregister_isolate`].
pub(super) fn register_isolate(crash: &Arc<Crash>) -> usize {
    let isolate = current_isolate();
    with(|owners| owners.isolates.push((isolate, Arc::downgrade(crash))));
    isolate
}

pub(super) fn unregister_isolate(isolate: usize) {
    with(|owners| owners.isolates.retain(|(address, _)| *address != isolate));
}

impl Owners {
    fn add(&mut self, crash: &Arc<Crash>) -> usize {
        self.latest = self.latest % NUMBERS + 1;
        let process = Arc::downgrade(crash);
        match self.processes.get_mut(self.latest - 1) {
            Some(slot) => *slot = process,
            None => self.processes.push(process),
        }
        self.latest
    }

    fn all(&self) -> Vec<Arc<Crash>> {
        self.processes.iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(target_os = "linux")]
fn mark(number: usize) {
    // May fail in a sandbox. Then only threads that have entered a process are attributed.
    let _ = nix::sys::prctl::set_timerslack((SLACK + number) as u64);
}

#[cfg(target_os = "linux")]
fn marked() -> Option<usize> {
    // SAFETY: `PR_GET_TIMERSLACK` takes no further arguments and has no side effects.
    let slack = unsafe { nix::libc::prctl(nix::libc::PR_GET_TIMERSLACK) };
    let number = usize::try_from(slack).ok()?.checked_sub(SLACK)?;
    (number <= NUMBERS).then_some(number)
}

/// Reverses the mark that this thread has inherited.
#[cfg(target_os = "linux")]
pub(super) fn unmark() {
    // May fail in a sandbox, where `mark` fails too.
    let _ = nix::sys::prctl::set_timerslack(50_000);
}

#[cfg(not(target_os = "linux"))]
fn mark(_: usize) {}

#[cfg(not(target_os = "linux"))]
fn marked() -> Option<usize> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(super) fn unmark() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn threads_inherit_the_number_of_their_process() {
        let (first, second) = (Arc::<Crash>::default(), Arc::<Crash>::default());
        assert_eq!(of_this_thread(), None);
        let child_of = |crash: Arc<Crash>| {
            let thread = std::thread::spawn(move || {
                number_thread(&crash);
                std::thread::spawn(of_this_thread).join().expect("no panic")
            });
            thread.join().expect("no panic").expect("a number")
        };
        for crash in [&first, &second] {
            let found = processes_of(child_of(crash.clone()));
            assert!(found.len() == 1 && Arc::ptr_eq(&found[0], crash));
        }
        let owner = child_of(first.clone());
        drop(first);
        assert!(processes_of(owner).is_empty());
    }

    #[test]
    fn a_number_is_reused_after_all_others() {
        let mut owners = Owners { processes: Vec::new(), latest: ENGINE, isolates: Vec::new() };
        let crash = Arc::default();
        let numbers: Vec<usize> = (0..=NUMBERS).map(|_| owners.add(&crash)).collect();
        assert_eq!((numbers[0], numbers[NUMBERS - 1], numbers[NUMBERS]), (1, NUMBERS, 1));
        assert_eq!(owners.processes.len(), NUMBERS);
    }
}
