//! Which window has started which process, so that no window takes the room of all.

use std::collections::{HashMap, HashSet};

use js_runtime::Supervisor;
use parking_lot::{Mutex, MutexGuard};

use crate::error::Error;

/// Most starts of one window that are under way at once: each keeps its configuration.
const MOST_PENDING: usize = 256;

/// What each window has started, by its label.
#[derive(Default)]
pub(crate) struct Started(Mutex<HashMap<String, Own>>);

#[derive(Default)]
struct Own {
    /// In the order of their last starts. Some may have exited.
    names: Vec<String>,
    /// Starts that are under way, by name.
    pending: HashMap<String, usize>,
}

/// A start that is under way, until it is dropped.
pub(crate) struct Start<'a> {
    started: &'a Started,
    supervisor: &'a Supervisor,
    label: String,
    name: String,
    /// The generation that the name had before.
    before: Option<u64>,
}

impl Started {
    /// Lets a window start a process called `name`, unless `most` of those that it has started are live. Of those
    /// that have exited as many stay listed: the one that was started first is removed. `joins` says that a live
    /// process of that name is as good, which takes no room.
    pub(crate) fn begin<'a>(
        &'a self,
        supervisor: &'a Supervisor,
        label: &str,
        name: &str,
        most: usize,
        joins: bool,
    ) -> Result<Start<'a>, Error> {
        let before = generation(supervisor, name);
        let mut windows = self.lock();
        windows.retain(|_, own| {
            own.names.retain(|name| generation(supervisor, name).is_some());
            !own.names.is_empty() || !own.pending.is_empty()
        });
        let own = windows.entry(label.to_owned()).or_default();
        let is_other = |other: &&String| *other != name;
        let (live, exited): (Vec<_>, Vec<_>) =
            own.names.iter().filter(is_other).partition(|name| supervisor.is_live(name));
        let live: HashSet<_> =
            live.into_iter().chain(own.pending.keys().filter(is_other)).collect();
        let too_many = |limit| Err(Error::TooManyOfWindow { label: label.to_owned(), limit });
        if own.pending.values().sum::<usize>() >= MOST_PENDING {
            return too_many(MOST_PENDING);
        }
        if live.len() >= most && !(joins && supervisor.is_live(name)) {
            return too_many(most);
        }
        let exited: Vec<_> = exited.into_iter().filter(|name| !live.contains(name)).collect();
        let surplus = (exited.len() + 1).saturating_sub(most);
        for name in &exited[..surplus] {
            // Fails for one that was started again meanwhile.
            let _ = supervisor.remove(name);
        }
        *own.pending.entry(name.to_owned()).or_default() += 1;
        let (label, name) = (label.to_owned(), name.to_owned());
        Ok(Start { started: self, supervisor, label, name, before })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Own>> {
        self.0.lock()
    }
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        let Self { started, supervisor, label, name, before } = self;
        // A start that has failed is listed too. One that was refused has changed nothing.
        let has_started = generation(supervisor, name).is_some_and(|now| Some(now) != *before);
        let mut windows = started.lock();
        if has_started {
            for own in windows.values_mut() {
                own.names.retain(|other| other != name);
            }
        }
        let own = windows.entry(label.clone()).or_default();
        if let Some(count) = own.pending.get_mut(name) {
            *count -= 1;
        }
        own.pending.retain(|_, count| *count > 0);
        if has_started {
            own.names.push(name.clone());
        }
    }
}

fn generation(supervisor: &Supervisor, name: &str) -> Option<u64> {
    supervisor.status(name).ok().map(|process| process.generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_that_are_under_way_are_counted() {
        let supervisor = Supervisor::new().expect("a supervisor");
        let started = Started::default();
        let begin = |label: &str, name: &str| started.begin(&supervisor, label, name, 2, false);
        let first = begin("main", "a").expect("room");
        let again = begin("main", "a").expect("the same name");
        let second = begin("main", "b").expect("room");
        assert!(begin("main", "c").is_err());
        assert!(begin("other", "c").is_ok());
        drop(first);
        assert!(begin("main", "c").is_err(), "one start of the name is left");
        drop(again);
        assert!(begin("main", "c").is_ok(), "it has not started anything");
        drop(second);
        assert!(started.lock().values().all(|own| own.names.is_empty() && own.pending.is_empty()));
    }

    #[test]
    fn starts_of_one_name_that_are_under_way_are_bounded() {
        let supervisor = Supervisor::new().expect("a supervisor");
        let started = Started::default();
        let begin = || started.begin(&supervisor, "main", "a", 2, true);
        let starts: Vec<_> = (0..MOST_PENDING).map(|_| begin().expect("room")).collect();
        assert!(begin().is_err());
        drop(starts);
        assert!(begin().is_ok());
    }
}
