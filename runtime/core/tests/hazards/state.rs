//! Process-wide state of this program, which must be the same after every hazard.

use std::collections::BTreeMap;
use std::fs;

use crate::own;
use crate::patience::becomes;

/// The state at one moment, by name.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct State(BTreeMap<&'static str, String>);

impl State {
    pub(crate) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("procfs");
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        let mut env: Vec<_> =
            std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
        env.sort();
        let is_engine =
            |name: &String| ["js:", "worker-"].iter().any(|prefix| name.starts_with(prefix));
        let mut threads: Vec<_> = own::threads().into_iter().filter(is_engine).collect();
        threads.sort();
        let files = fs::read_dir("/proc/self/fd").expect("procfs").count();
        let stat = fs::read_to_string("/proc/self/stat").expect("procfs");
        let nice = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(16));
        Self(BTreeMap::from([
            ("working directory", format!("{:?}", std::env::current_dir().ok())),
            ("environment", env.join("\n")),
            ("umask", line("Umask:")),
            ("user", line("Uid:")),
            ("group", line("Gid:")),
            ("title", fs::read_to_string("/proc/self/cmdline").expect("procfs")),
            ("caught signals", caught(&line("SigCgt:"))),
            ("ignored signals", line("SigIgn:")),
            ("priority", nice.unwrap_or_default().to_owned()),
            ("threads", threads.join(" ")),
            ("open files", files.to_string()),
            ("children", own::children().len().to_string()),
            ("listening sockets", listening().to_string()),
        ]))
    }

    /// The number of the engine's threads.
    pub(crate) fn threads(&self) -> usize {
        self.0["threads"].split_whitespace().count()
    }

    /// The changes since then that do not disappear in time. Does not report the names in `ignored`.
    pub(crate) async fn changes(&self, ignored: &[&str]) -> Vec<String> {
        let mut changed = Vec::new();
        becomes(|| {
            let now = Self::now();
            let pairs = self.0.iter().zip(now.0.values());
            let differing =
                pairs.filter(|((name, before), after)| before != after && !ignored.contains(name));
            let text = |((name, before), after)| format!("{name}: {before} -> {after}");
            changed = differing.map(text).collect();
            changed.is_empty()
        })
        .await;
        changed
    }
}

/// The caught signals without SIGCHLD, which the executor handles once a script has left a child behind.
fn caught(mask: &str) -> String {
    const CHILD: u64 = 1 << 16;
    let mask = u64::from_str_radix(mask, 16).expect("a mask");
    format!("{:x}", mask & !CHILD)
}

/// The number of this program's listening sockets.
fn listening() -> usize {
    const LISTEN: &str = "0A";
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(fs::read_to_string);
    let inodes: Vec<String> = tables
        .into_iter()
        .flatten()
        .flat_map(|table| {
            let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
            let listens = rows.filter(|row| row.get(3) == Some(&LISTEN)).collect::<Vec<_>>();
            listens
                .iter()
                .filter_map(|row| Some(format!("socket:[{}]", row.get(9)?)))
                .collect::<Vec<_>>()
        })
        .collect();
    let files = fs::read_dir("/proc/self/fd").expect("procfs").flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok());
    links.filter(|link| inodes.iter().any(|inode| link.as_os_str() == inode.as_str())).count()
}
