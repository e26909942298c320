//! Pages that watch the list of processes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use js_runtime::{ProcessInfo, Supervisor};
use parking_lot::{Mutex, MutexGuard};
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;

use crate::wire::WatchMessage;

/// What processes use is measured no more often than this.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(250);

/// Most lists that one window may watch at once: far more than a page needs.
const MOST_WATCHES: usize = 32;

/// Which process a watcher may see.
pub(crate) type MaySee = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// The tasks that watch for pages, by window and Channel.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<HashMap<String, BTreeMap<u32, JoinHandle<()>>>>);

impl Watchers {
    /// Tells `channel` about the processes that `may_see` covers, until the page is gone.
    pub(crate) fn watch(
        &self,
        label: &str,
        supervisor: Arc<Supervisor>,
        channel: Channel<WatchMessage>,
        usage_ms: Option<u64>,
        may_see: MaySee,
    ) -> Result<(), crate::Error> {
        let mut watchers = self.lock();
        let own = watchers.entry(label.to_owned()).or_default();
        own.retain(|_, task| !task.inner().is_finished());
        if own.len() >= MOST_WATCHES {
            return Err(crate::Error::invalid(format!(
                "window '{label}' watches {MOST_WATCHES} lists of processes already; end some"
            )));
        }
        let id = channel.id();
        let every = usage_ms.map(|ms| Duration::from_millis(ms).max(SHORTEST_INTERVAL));
        let task = tauri::async_runtime::spawn(run(supervisor, channel, every, may_see));
        if let Some(former) = own.insert(id, task) {
            former.abort();
        }
        Ok(())
    }

    /// The page wants no more of it.
    pub(crate) fn unwatch(&self, label: &str, channel: u32) {
        if let Some(task) = self.lock().get_mut(label).and_then(|own| own.remove(&channel)) {
            task.abort();
        }
    }

    /// The page of this window was left.
    pub(crate) fn page_gone(&self, label: &str) {
        self.windows_gone(|window| window == label);
    }

    pub(crate) fn windows_gone(&self, is_gone: impl Fn(&str) -> bool) {
        self.lock().retain(|label, own| {
            let gone = is_gone(label);
            if gone {
                own.values().for_each(JoinHandle::abort);
            }
            !gone
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<u32, JoinHandle<()>>>> {
        self.0.lock()
    }
}

async fn run(
    supervisor: Arc<Supervisor>,
    channel: Channel<WatchMessage>,
    every: Option<Duration>,
    may_see: MaySee,
) {
    let mut changes = supervisor.changes();
    let mut known = BTreeMap::new();
    let mut is_first = true;
    let mut ticks = tokio::time::interval(every.unwrap_or(Duration::MAX / 4));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let now: Vec<ProcessInfo> =
            supervisor.list().into_iter().filter(|process| may_see(&process.name)).collect();
        let messages = if std::mem::take(&mut is_first) {
            vec![WatchMessage::Snapshot { processes: now.clone() }]
        } else {
            differences(&known, &now)
        };
        known = now.into_iter().map(|process| (process.name.clone(), process)).collect();
        for message in messages {
            // A Channel cannot tell that its page is gone; Tauri's events do.
            let _ = channel.send(message);
        }
        tokio::select! {
            biased;
            goes_on = changes.changed() => if !goes_on { return },
            _ = ticks.tick(), if every.is_some() => {
                let mut usage = supervisor.usage().await;
                usage.retain(|usage| may_see(&usage.name));
                if !usage.is_empty() {
                    let _ = channel.send(WatchMessage::Usage { usage });
                }
            }
        }
    }
}

/// What has to be told to somebody who knows `known`.
fn differences(known: &BTreeMap<String, ProcessInfo>, now: &[ProcessInfo]) -> Vec<WatchMessage> {
    let is_new = |process: &&ProcessInfo| known.get(&process.name) != Some(process);
    let is_gone = |name: &&String| now.iter().all(|process| process.name != **name);
    let removed = known.keys().filter(is_gone).cloned().map(|name| WatchMessage::Removed { name });
    let changed = now.iter().filter(is_new).cloned();
    removed
        .chain(changed.map(|process| WatchMessage::Process { process: Box::new(process) }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use js_runtime::State;

    #[test]
    fn only_what_is_new_changed_or_gone_is_told() {
        let process = |name: &str, generation| ProcessInfo {
            name: name.to_owned(),
            pid: None,
            running: true,
            runtime: None,
            state: State::Running,
            generation,
            restarts: 0,
            start_ms: None,
            started_at: None,
        };
        let known = [process("gone", 1), process("same", 1), process("again", 1)];
        let known = known.map(|process| (process.name.clone(), process)).into();
        let now = [process("same", 1), process("again", 2), process("new", 1)];
        let told: Vec<String> = differences(&known, &now)
            .iter()
            .map(|message| serde_json::to_value(message).expect("JSON"))
            .map(|value| {
                let name = value["name"].as_str().or(value["process"]["name"].as_str());
                format!("{} {}", value["kind"].as_str().unwrap_or(""), name.unwrap_or(""))
            })
            .collect();
        assert_eq!(told, ["removed gone", "process again", "process new"]);
    }
}
