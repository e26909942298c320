//! The memory of the machine or container. The defaults of memory limits depend on it.

use std::sync::OnceLock;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// One process gets this fraction of the memory by default.
const DEFAULT_SHARE: u64 = 8;
const MIN_MB: u64 = 128;
const MAX_MB: u64 = 512;

/// Memory is short when less than this fraction is free.
#[cfg(feature = "embedded")]
const SHORT_BELOW: u64 = 10;

/// The default share of one process in MiB, computed once.
pub(crate) fn share_mb() -> u32 {
    static SHARE_MB: OnceLock<u32> = OnceLock::new();
    *SHARE_MB.get_or_init(|| share_of(available()))
}

/// Bytes of memory of the machine, or of the container; 0 if unknown.
fn available() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(memory) else { return 0 };
    total(&system)
}

fn total(system: &System) -> u64 {
    let container = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    system.total_memory().min(container)
}

/// Whether too little memory is free to keep warm isolates.
#[cfg(feature = "embedded")]
pub(crate) fn is_short() -> bool {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(memory) else { return false };
    let container = system.cgroup_limits();
    let left = container.as_ref().map_or(u64::MAX, |limits| limits.free_memory);
    is_little(system.available_memory().min(left), total(&system))
}

#[cfg(feature = "embedded")]
fn is_little(left: u64, total: u64) -> bool {
    left < total / SHORT_BELOW
}

fn share_of(bytes: u64) -> u32 {
    let share = (bytes / DEFAULT_SHARE) >> 20;
    u32::try_from(share.clamp(MIN_MB, MAX_MB)).unwrap_or(u32::MAX)
}

/// Returns unused memory to the system: glibc's allocator retains much of the memory of threads that have ended.
#[cfg(all(feature = "embedded", target_os = "linux", target_env = "gnu"))]
pub(crate) fn trim() {
    // SAFETY: `malloc_trim` has no preconditions and is thread-safe (MT-Safe in glibc's manual).
    unsafe { nix::libc::malloc_trim(0) };
}

/// Allocators of other systems return memory themselves.
#[cfg(all(feature = "embedded", not(all(target_os = "linux", target_env = "gnu"))))]
pub(crate) fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_an_eighth_within_bounds() {
        const GIB: u64 = 1 << 30;
        for (memory, share) in [(0, 128), (GIB / 2, 128), (2 * GIB, 256), (4 * GIB, 512)] {
            assert_eq!(share_of(memory), share, "{memory}");
        }
        assert_eq!(share_of(u64::MAX), 512);
    }

    #[test]
    fn the_memory_of_this_machine_is_known() {
        assert!(available() > 64 << 20);
    }

    #[cfg(feature = "embedded")]
    #[test]
    fn memory_is_short_when_less_than_a_tenth_is_left() {
        assert!(is_little(99, 1_000) && !is_little(100, 1_000));
        // Unknown memory is not short.
        assert!(!is_little(0, 0));
    }
}
