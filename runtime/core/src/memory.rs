//! How much memory there is, which the defaults of memory limits follow from.

use std::sync::OnceLock;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// What one process gets of the memory by default.
const SHARE: u64 = 8;
const LEAST_MB: u64 = 128;
const MOST_MB: u64 = 512;

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
    let container = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    system.total_memory().min(container)
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
}
