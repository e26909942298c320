//! The listed processes by name, and the last generations of removed names.

use std::collections::{HashMap, VecDeque};

use tokio::sync::mpsc::UnboundedReceiver;

use crate::error::Error;
use crate::supervisor::changes::ChangeNotifier;
use crate::supervisor::handle::{ActorMessage, ProcessHandle};

/// The most removed names whose last generation is stored.
const MAX_REMOVED: usize = 1024;

/// A name that is reserved for the caller.
pub(super) struct Reserved {
    pub(super) process: ProcessHandle,
    /// The mailbox for a new actor, if the process has none.
    pub(super) mailbox: Option<UnboundedReceiver<ActorMessage>>,
}

pub(super) struct Names {
    processes: HashMap<String, ProcessHandle>,
    removed: Removed,
    /// The most live processes, and the most exited ones that stay listed.
    max_live: usize,
    changes: ChangeNotifier,
    /// Whether processes and their subscribers spin before they sleep.
    spins: bool,
}

impl Names {
    pub(super) fn new(max_live: usize, changes: ChangeNotifier, spins: bool) -> Self {
        Self { processes: HashMap::new(), removed: Removed::default(), max_live, changes, spins }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &ProcessHandle> {
        self.processes.values()
    }

    pub(super) fn get(&self, name: &str) -> Result<&ProcessHandle, Error> {
        self.processes.get(name).ok_or_else(|| Error::NotFound(name.to_owned()))
    }

    /// Reserves a name without a live process.
    pub(super) fn reserve(&mut self, name: &str) -> Result<Reserved, Error> {
        match self.processes.get(name) {
            Some(process) if is_live(process) => Err(Error::AlreadyExists(name.to_owned())),
            Some(process) => {
                self.check_live_limit()?;
                Ok(self.reserve_listed(name, process.clone()))
            }
            None => {
                self.check_live_limit()?;
                self.evict_exited();
                let last = self.removed.take_last(name);
                Ok(self.insert(name, last))
            }
        }
    }

    /// Reserves the name of a listed process, to replace it if it is live.
    pub(super) fn reserve_to_replace(&mut self, name: &str) -> Result<Reserved, Error> {
        let process = self.get(name)?.clone();
        if !is_live(&process) {
            self.check_live_limit()?;
        }
        Ok(self.reserve_listed(name, process))
    }

    /// Reserves the name of a listed process, so that it cannot be removed. The name of a live process is already
    /// reserved.
    fn reserve_listed(&mut self, name: &str, process: ProcessHandle) -> Reserved {
        if process.has_actor() {
            let _ = process.reserve();
            return Reserved { process, mailbox: None };
        }
        let last = process.info().generation;
        self.insert(name, last)
    }

    /// Fails if the most processes are live. Exited processes do not count: otherwise short-lived processes would use
    /// up the limit.
    fn check_live_limit(&self) -> Result<(), Error> {
        let live = self.all().filter(|process| is_live(process)).count();
        if live < self.max_live { Ok(()) } else { Err(Error::TooMany { limit: self.max_live }) }
    }

    /// Removes the processes that exited first, until one more exited process can be listed.
    fn evict_exited(&mut self) {
        let exited = self.all().filter(|process| !is_live(process));
        let mut exited: Vec<_> =
            exited.map(|process| (process.last_release(), process.name())).collect();
        exited.sort_unstable();
        let excess = (exited.len() + 1).saturating_sub(self.max_live);
        for (_, name) in exited.into_iter().take(excess) {
            // Cannot fail: the process has exited.
            let _ = self.remove(&name);
        }
    }

    /// Removes a process that has exited.
    pub(super) fn remove(&mut self, name: &str) -> Result<(), Error> {
        let process = self.get(name)?;
        if process.has_actor() && !process.reserve() {
            return Err(Error::StillRunning(name.to_owned()));
        }
        // Fails if the actor is gone.
        let _ = process.send(ActorMessage::Remove);
        let last = process.info().generation;
        self.processes.remove(name);
        self.removed.insert(name, last);
        Ok(())
    }

    /// Lists a new process whose first generation is `last + 1`.
    fn insert(&mut self, name: &str, last: u64) -> Reserved {
        let (process, mailbox) = ProcessHandle::new(name, last, self.changes.clone(), self.spins);
        // Cannot fail: the process is new.
        process.reserve();
        self.processes.insert(name.to_owned(), process.clone());
        Reserved { process, mailbox: Some(mailbox) }
    }
}

/// Whether the name is reserved and has an actor. An actor that panicked has ended its process.
fn is_live(process: &ProcessHandle) -> bool {
    process.has_actor() && process.is_live()
}

/// The last generations of removed names, so that generations never repeat. Bounded: if a name is evicted, the
/// generations of all unknown names start after its last one.
#[derive(Default)]
struct Removed {
    last: HashMap<String, u64>,
    /// The names in the order of removal.
    order: VecDeque<String>,
    /// The highest generation of an evicted name.
    highest_evicted: u64,
}

impl Removed {
    fn take_last(&mut self, name: &str) -> u64 {
        self.last.remove(name).unwrap_or(self.highest_evicted)
    }

    fn insert(&mut self, name: &str, last: u64) {
        self.last.insert(name.to_owned(), last);
        self.order.push_back(name.to_owned());
        while self.order.len() > MAX_REMOVED {
            let oldest = self.order.pop_front().and_then(|oldest| self.last.remove(&oldest));
            self.highest_evicted = self.highest_evicted.max(oldest.unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_never_repeat_however_many_names_were_removed() {
        let mut removed = Removed::default();
        removed.insert("first", 7);
        assert_eq!((removed.take_last("first"), removed.take_last("first")), (7, 0));
        removed.insert("first", 8);
        for number in 0..2 * MAX_REMOVED {
            removed.insert(&number.to_string(), 1);
        }
        assert_eq!(removed.take_last("first"), 8);
        assert!(removed.last.len() <= MAX_REMOVED && removed.order.len() <= MAX_REMOVED);
    }
}
