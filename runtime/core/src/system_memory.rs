//! How much memory there is, which the defaults of memory limits follow from.

use std::sync::OnceLock;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// What one process gets of the memory by default.
const SHARE: u64 = 8;
const LEAST_MB: u64 = 128;
const MOST_MB: u64 = 512;

/// Memory is short when less than this part is left.
#[cfg(feature = "embedded")]
const RESERVE: u64 = 10;

/// A share of this machine's memory in MiB, found out once.
pub(crate) fn share_mb() -> u32 {
    static SHARE_MB: OnceLock<u32> = OnceLock::new();
    *SHARE_MB.get_or_init(|| share_of(available()))
}

/// Bytes of memory that this program could have: of the machine, or of its container; none where the
/// system does not tell.
fn available() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(memory) else { return 0 };
    total(&system)
}

fn total(system: &System) -> u64 {
    let container = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    system.total_memory().min(container)
}

/// Whether so little of the memory is left that nothing is to be held in store.
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
    left < total / RESERVE
}

fn share_of(bytes: u64) -> u32 {
    let share = (bytes / SHARE) >> 20;
    u32::try_from(share.clamp(LEAST_MB, MOST_MB)).unwrap_or(u32::MAX)
}

/// Has the allocator give back to the system what nobody uses: it keeps much of what threads that have
/// ended had taken.
#[cfg(all(feature = "embedded", target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back() {
    // SAFETY: may be called at any time, from any thread.
    unsafe { nix::libc::malloc_trim(0) };
}

/// Other systems' allocators do so by themselves.
#[cfg(all(feature = "embedded", not(all(target_os = "linux", target_env = "gnu"))))]
pub(crate) fn give_back() {}

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
    fn this_machines_memory_is_known() {
        assert!(available() > 64 << 20);
    }

    #[cfg(feature = "embedded")]
    #[test]
    fn memory_is_short_when_less_than_a_tenth_is_left() {
        assert!(is_little(99, 1_000) && !is_little(100, 1_000));
        // Where the system tells nothing, nothing is known to be short.
        assert!(!is_little(0, 0));
    }
}
