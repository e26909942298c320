//! The number of processes that each window has started, so that no window takes the places of all.

use std::collections::{HashMap, HashSet};

use js_runtime::Supervisor;
use parking_lot::{Mutex, MutexGuard};

use crate::error::Error;

/// Most starts of one window in progress at once: each holds its configuration in memory.
const MAX_PENDING_STARTS: usize = 256;

/// The processes that each window has started, by its label.
#[derive(Default)]
pub(crate) struct ProcessQuota(Mutex<HashMap<String, Window>>);

#[derive(Default)]
struct Window {
    /// Live and exited processes, in the order of their last starts.
    started: Vec<String>,
    /// The number of starts in progress, by name.
    pending: HashMap<String, usize>,
}

/// A start in progress, until it is dropped.
pub(crate) struct StartPermit<'a> {
    quota: &'a ProcessQuota,
    supervisor: &'a Supervisor,
    label: String,
    name: String,
    /// The generation of the name before the start.
    before: Option<u64>,
}

impl ProcessQuota {
    /// Permits the window `label` to start the process `name`, unless `limit` other processes that it has started
    /// are live. At most `limit` of its exited processes stay listed: the one that was started first is removed.
    /// With `joins`, a live process of that name needs no place.
    pub(crate) fn reserve<'a>(
        &'a self,
        supervisor: &'a Supervisor,
        label: &str,
        name: &str,
        limit: usize,
        joins: bool,
    ) -> Result<StartPermit<'a>, Error> {
        let before = generation(supervisor, name);
        let mut windows = self.lock();
        windows.retain(|_, window| {
            window.started.retain(|name| generation(supervisor, name).is_some());
            !window.started.is_empty() || !window.pending.is_empty()
        });
        let window = windows.entry(label.to_owned()).or_default();
        let is_other = |other: &&String| *other != name;
        let (live, exited): (Vec<_>, Vec<_>) =
            window.started.iter().filter(is_other).partition(|name| supervisor.is_live(name));
        let live: HashSet<_> =
            live.into_iter().chain(window.pending.keys().filter(is_other)).collect();
        let too_many = |limit| Err(Error::TooManyOfWindow { label: label.to_owned(), limit });
        if window.pending.values().sum::<usize>() >= MAX_PENDING_STARTS {
            return too_many(MAX_PENDING_STARTS);
        }
        if live.len() >= limit && !(joins && supervisor.is_live(name)) {
            return too_many(limit);
        }
        let exited: Vec<_> = exited.into_iter().filter(|name| !live.contains(name)).collect();
        let surplus = (exited.len() + 1).saturating_sub(limit);
        for name in &exited[..surplus] {
            // Fails for a process that was restarted meanwhile.
            let _ = supervisor.remove(name);
        }
        *window.pending.entry(name.to_owned()).or_default() += 1;
        let (label, name) = (label.to_owned(), name.to_owned());
        Ok(StartPermit { quota: self, supervisor, label, name, before })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.0.lock()
    }
}

impl Drop for StartPermit<'_> {
    fn drop(&mut self) {
        let Self { quota, supervisor, label, name, before } = self;
        // A failed start has a new generation too. A refused start has none.
        let has_started = generation(supervisor, name).is_some_and(|now| Some(now) != *before);
        let mut windows = quota.lock();
        if has_started {
            for window in windows.values_mut() {
                window.started.retain(|other| other != name);
            }
        }
        let window = windows.entry(label.clone()).or_default();
        if let Some(count) = window.pending.get_mut(name) {
            *count -= 1;
        }
        window.pending.retain(|_, count| *count > 0);
        if has_started {
            window.started.push(name.clone());
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
    fn starts_in_progress_are_counted() {
        let supervisor = Supervisor::new().expect("a supervisor");
        let quota = ProcessQuota::default();
        let reserve = |label: &str, name: &str| quota.reserve(&supervisor, label, name, 2, false);
        let first = reserve("main", "a").expect("room");
        let again = reserve("main", "a").expect("the same name");
        let second = reserve("main", "b").expect("room");
        assert!(reserve("main", "c").is_err());
        assert!(reserve("other", "c").is_ok());
        drop(first);
        assert!(reserve("main", "c").is_err(), "a start of 'a' is still in progress");
        drop(again);
        assert!(reserve("main", "c").is_ok(), "the starts of 'a' are over");
        drop(second);
        assert!(
            quota
                .lock()
                .values()
                .all(|window| window.started.is_empty() && window.pending.is_empty())
        );
    }

    #[test]
    fn starts_in_progress_of_one_name_are_bounded() {
        let supervisor = Supervisor::new().expect("a supervisor");
        let quota = ProcessQuota::default();
        let reserve = || quota.reserve(&supervisor, "main", "a", 2, true);
        let starts: Vec<_> = (0..MAX_PENDING_STARTS).map(|_| reserve().expect("room")).collect();
        assert!(reserve().is_err());
        drop(starts);
        assert!(reserve().is_ok());
    }
}
