//! Lists of processes for pages: a snapshot, then changes, and usage at an interval.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use js_runtime::{ProcessInfo, Supervisor};
use parking_lot::{Mutex, MutexGuard};
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;

use crate::wire::WatchMessage;

/// The shortest interval between measurements of usage.
const MIN_USAGE_INTERVAL: Duration = Duration::from_millis(250);

/// Most lists that one window watches at once.
const MAX_WATCHES: usize = 32;

/// Whether a watcher may see the process with the given name.
pub(crate) type MaySee = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// The tasks that send lists to pages, by window and Channel.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<HashMap<String, BTreeMap<u32, JoinHandle<()>>>>);

impl Watchers {
    /// Sends the processes that `may_see` covers to `channel`, until the page is gone. `usage_ms` is the interval
    /// of usage in milliseconds; without it, usage is not sent.
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
        if own.len() >= MAX_WATCHES {
            return Err(crate::Error::invalid(format!(
                "window '{label}' watches {MAX_WATCHES} lists of processes already; unwatch some"
            )));
        }
        let id = channel.id();
        let interval = usage_ms.map(|ms| Duration::from_millis(ms).max(MIN_USAGE_INTERVAL));
        let task = tauri::async_runtime::spawn(run(supervisor, channel, interval, may_see));
        if let Some(replaced) = own.insert(id, task) {
            replaced.abort();
        }
        Ok(())
    }

    /// Ends a watch.
    pub(crate) fn unwatch(&self, label: &str, channel: u32) {
        if let Some(task) = self.lock().get_mut(label).and_then(|own| own.remove(&channel)) {
            task.abort();
        }
    }

    /// The window has left its page.
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
    interval: Option<Duration>,
    may_see: MaySee,
) {
    let mut changes = supervisor.changes();
    let mut sent = BTreeMap::new();
    let mut is_first = true;
    let mut ticks = tokio::time::interval(interval.unwrap_or(Duration::MAX / 4));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let now: Vec<ProcessInfo> =
            supervisor.list().into_iter().filter(|process| may_see(&process.name)).collect();
        let messages = if std::mem::take(&mut is_first) {
            vec![WatchMessage::Snapshot { processes: now.clone() }]
        } else {
            differences(&sent, &now)
        };
        sent = now.into_iter().map(|process| (process.name.clone(), process)).collect();
        for message in messages {
            // Errors are ignored: Tauri's events report that a page is gone.
            let _ = channel.send(message);
        }
        tokio::select! {
            biased;
            is_open = changes.changed() => if !is_open { return },
            _ = ticks.tick(), if interval.is_some() => {
                let mut usage = supervisor.usage().await;
                usage.retain(|usage| may_see(&usage.name));
                if !usage.is_empty() {
                    let _ = channel.send(WatchMessage::Usage { usage });
                }
            }
        }
    }
}

/// The messages that turn the list `sent` into the list `now`.
fn differences(sent: &BTreeMap<String, ProcessInfo>, now: &[ProcessInfo]) -> Vec<WatchMessage> {
    let is_new = |process: &&ProcessInfo| sent.get(&process.name) != Some(process);
    let is_gone = |name: &&String| now.iter().all(|process| process.name != **name);
    let removed = sent.keys().filter(is_gone).cloned().map(|name| WatchMessage::Removed { name });
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
    fn only_differences_are_sent() {
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
        let sent = [process("gone", 1), process("same", 1), process("again", 1)];
        let sent = sent.map(|process| (process.name.clone(), process)).into();
        let now = [process("same", 1), process("again", 2), process("new", 1)];
        let messages: Vec<String> = differences(&sent, &now)
            .iter()
            .map(|message| serde_json::to_value(message).expect("JSON"))
            .map(|value| {
                let name = value["name"].as_str().or(value["process"]["name"].as_str());
                format!("{} {}", value["kind"].as_str().unwrap_or(""), name.unwrap_or(""))
            })
            .collect();
        assert_eq!(messages, ["removed gone", "process again", "process new"]);
    }
}
