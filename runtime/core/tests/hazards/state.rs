//! What of this program belongs to all of it, and must be the same after every hazard.

use std::collections::BTreeMap;
use std::fs;

use crate::own;
use crate::patience::becomes;

/// A moment's state, by what it is about.
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
        let is_the_engines =
            |name: &String| ["js:", "worker-"].iter().any(|of| name.starts_with(of));
        let mut threads: Vec<_> = own::threads().into_iter().filter(is_the_engines).collect();
        threads.sort();
        let files = fs::read_dir("/proc/self/fd").expect("procfs").count();
        let stat = fs::read_to_string("/proc/self/stat").expect("procfs");
        let nice = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(16));
        Self(BTreeMap::from([
            ("folder", format!("{:?}", std::env::current_dir().ok())),
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

    /// How many threads the engine has.
    pub(crate) fn threads(&self) -> usize {
        self.0["threads"].split_whitespace().count()
    }

    /// What is another than before, when things have had time to settle; `but` are left out.
    pub(crate) async fn changes(&self, but: &[&str]) -> Vec<String> {
        let mut changed = Vec::new();
        becomes(|| {
            let now = Self::now();
            let pairs = self.0.iter().zip(now.0.values());
            let others = pairs.filter(|((about, was), is)| was != is && !but.contains(about));
            changed = others.map(|((about, was), is)| format!("{about}: {was} -> {is}")).collect();
            changed.is_empty()
        })
        .await;
        changed
    }
}

/// All but the end of a child, which the executor listens for once a script has left one behind.
fn caught(mask: &str) -> String {
    const CHILD: u64 = 1 << 16;
    let mask = u64::from_str_radix(mask, 16).expect("a mask");
    format!("{:x}", mask & !CHILD)
}

/// Sockets of this program that listen.
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
