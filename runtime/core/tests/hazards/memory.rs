//! How much memory this program has at the most while something runs.

use std::fs;

/// The most since it was marked.
pub(crate) struct Peak {
    before: u64,
}

impl Peak {
    pub(crate) fn mark() -> Self {
        // The system then counts anew.
        fs::write("/proc/self/clear_refs", "5").expect("procfs");
        Self { before: most() }
    }

    /// By how much it grew, in MiB.
    pub(crate) fn growth(&self) -> u64 {
        most().saturating_sub(self.before) / 1024
    }
}

/// The peak of what is in memory, in KiB.
fn most() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("a number of KiB")
}
