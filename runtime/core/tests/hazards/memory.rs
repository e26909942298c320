//! Measures the peak memory of this program.

use std::fs;

/// The growth of the peak since it was marked.
pub(crate) struct Peak {
    before: u64,
}

impl Peak {
    pub(crate) fn mark() -> Self {
        // Resets `VmHWM`.
        fs::write("/proc/self/clear_refs", "5").expect("procfs");
        Self { before: peak_kib() }
    }

    /// In MiB.
    pub(crate) fn growth(&self) -> u64 {
        peak_kib().saturating_sub(self.before) / 1024
    }
}

/// The peak of resident memory in KiB.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("a number of KiB")
}
