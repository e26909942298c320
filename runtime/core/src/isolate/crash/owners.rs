//! Whose thread has failed, where the thread itself does not say.
//!
//! Deno and Tokio start threads of their own for an isolate: the blocking pool of a worker, for one. They
//! descend from the isolate's thread, and on Linux a thread begins with the timer slack of the thread that
//! started it. So each process has a number, and its threads a slack of their own: some microseconds more
//! than the default, which no program notices. A child process inherits it too. V8's own threads descend from the
//! engine's, which has the number 0: they work for all isolates, and say for which one only at times.
//!
//! Elsewhere only the threads that say so are the engine's.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Control;

/// So many processes have numbers of their own. A thread that lives on for as many more is another's.
const NUMBERS: usize = 4096;

/// The number of threads that belong to all processes.
const ENGINES: usize = 0;

/// The slack of number 0, in nanoseconds: by the default of 50 µs, and none that a program would choose.
#[cfg(target_os = "linux")]
const SLACK: usize = 50_017;

struct Owners {
    /// By their numbers.
    processes: Vec<Weak<Control>>,
    /// The number given last.
    latest: usize,
    /// By the address at which V8 has them.
    isolates: Vec<(usize, Weak<Control>)>,
}

static OWNERS: Mutex<Owners> =
    Mutex::new(Owners { processes: Vec::new(), latest: ENGINES, isolates: Vec::new() });

fn with<T>(act: impl FnOnce(&mut Owners) -> T) -> T {
    act(&mut OWNERS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What a signal handler finds out about a thread that does not know its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The process of this number, or all.
    Number(usize),
    /// The process of V8's isolate at this address.
    Isolate(usize),
}

/// Gives the process its number, which all threads have that descend from this one.
pub(super) fn number(control: &Arc<Control>) {
    let number = *control.crash.number.get_or_init(|| with(|owners| owners.add(control)));
    mark(number);
}

/// This thread and those that descend from it belong to the engine.
pub(super) fn mark_as_engines() {
    mark(ENGINES);
}

/// Whether this thread descends from the engine's, and what is known of its owner. Allowed in a signal handler.
pub(super) fn of_this_thread() -> Option<Owner> {
    let number = marked()?;
    if number != ENGINES {
        return Some(Owner::Number(number));
    }
    Some(match current_isolate() {
        0 => Owner::Number(ENGINES),
        isolate => Owner::Isolate(isolate),
    })
}

unsafe extern "C" {
    /// `v8::Isolate::TryGetCurrent`. V8's threads set it for most of their work on garbage.
    #[link_name = "_ZN2v87Isolate13TryGetCurrentEv"]
    fn try_get_current() -> *mut c_void;
}

/// The address of the isolate that this thread works for; 0 without one.
fn current_isolate() -> usize {
    // SAFETY: the function has no arguments and reads one variable of the thread.
    unsafe { try_get_current() }.addr()
}

/// The processes that the failure of a thread may have harmed.
pub(super) fn processes_of(owner: Owner) -> Vec<Arc<Control>> {
    with(|owners| match owner {
        Owner::Isolate(address) => {
            let found = owners.isolates.iter().find(|(isolate, _)| *isolate == address);
            match found {
                Some((_, process)) => process.upgrade().into_iter().collect(),
                None => owners.all(),
            }
        }
        Owner::Number(ENGINES) => owners.all(),
        Owner::Number(number) => {
            owners.processes.get(number - 1).and_then(Weak::upgrade).into_iter().collect()
        }
    })
}

/// Called on a thread that has entered its isolate; returns what [`forget_isolate`] takes.
pub(super) fn remember_isolate(control: &Arc<Control>) -> usize {
    let isolate = current_isolate();
    with(|owners| owners.isolates.push((isolate, Arc::downgrade(control))));
    isolate
}

pub(super) fn forget_isolate(isolate: usize) {
    with(|owners| owners.isolates.retain(|(address, _)| *address != isolate));
}

impl Owners {
    fn add(&mut self, control: &Arc<Control>) -> usize {
        self.latest = self.latest % NUMBERS + 1;
        let process = Arc::downgrade(control);
        match self.processes.get_mut(self.latest - 1) {
            Some(place) => *place = process,
            None => self.processes.push(process),
        }
        self.latest
    }

    fn all(&self) -> Vec<Arc<Control>> {
        self.processes.iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(target_os = "linux")]
fn mark(number: usize) {
    // Fails in a sandbox at the most, and then the thread is known only by what it says itself.
    let _ = nix::sys::prctl::set_timerslack((SLACK + number) as u64);
}

#[cfg(target_os = "linux")]
fn marked() -> Option<usize> {
    // SAFETY: reads a number of this thread.
    let slack = unsafe { nix::libc::prctl(nix::libc::PR_GET_TIMERSLACK) };
    let number = usize::try_from(slack).ok()?.checked_sub(SLACK)?;
    (number <= NUMBERS).then_some(number)
}

/// A thread that is none of a process's, and outlives all.
#[cfg(target_os = "linux")]
pub(super) fn unmark() {
    // As above.
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
    fn threads_have_the_number_of_the_process_that_they_descend_from() {
        let (first, second) = (Arc::<Control>::default(), Arc::<Control>::default());
        assert_eq!(of_this_thread(), None);
        let child_of = |control: Arc<Control>| {
            let thread = std::thread::spawn(move || {
                number(&control);
                std::thread::spawn(of_this_thread).join().expect("it returns")
            });
            thread.join().expect("it returns").expect("a number")
        };
        for control in [&first, &second] {
            let found = processes_of(child_of(control.clone()));
            assert!(found.len() == 1 && Arc::ptr_eq(&found[0], control));
        }
        let owner = child_of(first.clone());
        drop(first);
        assert!(processes_of(owner).is_empty());
    }

    #[test]
    fn a_number_is_given_again_after_all_others() {
        let mut owners = Owners { processes: Vec::new(), latest: ENGINES, isolates: Vec::new() };
        let control = Arc::default();
        let numbers: Vec<usize> = (0..=NUMBERS).map(|_| owners.add(&control)).collect();
        assert_eq!((numbers[0], numbers[NUMBERS - 1], numbers[NUMBERS]), (1, NUMBERS, 1));
        assert_eq!(owners.processes.len(), NUMBERS);
    }
}
