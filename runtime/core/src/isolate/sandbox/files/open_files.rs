//! Number of open descriptors of a process, and its limit.
//!
//! Files, pipes and duplicates have known descriptors. They are listed by number and identity, so that closed ones
//! can be found. The engine opens other descriptors without reporting a number: sockets of handles, watchers,
//! connections. Each isolate counts these itself.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// The identity of an open file. No two open pipes or sockets have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    file: u64,
}

impl Identity {
    /// `None` for a descriptor that is not open, and on systems without identities.
    pub(crate) fn of(number: i32) -> Option<Self> {
        let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
        std::fs::metadata(format!("{folder}/{number}")).ok().as_ref().and_then(Self::of_file)
    }

    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
    fn of_file(file: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self { device: file.dev(), file: file.ino() })
    }

    #[cfg(not(unix))]
    fn of_file(_: &Metadata) -> Option<Self> {
        None
    }
}

/// The descriptors of one process.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    /// 0 means no limit yet: the isolate was created before its process is known.
    limit: AtomicUsize,
    list: Mutex<List>,
    /// Descriptors without a known number, each represented by a [`FdReservation`].
    reserved: AtomicUsize,
}

/// One open descriptor, counted until this is dropped.
#[derive(Debug)]
pub(crate) struct FdReservation(Arc<OpenFiles>);

impl Drop for FdReservation {
    fn drop(&mut self) {
        self.0.reserved.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct List {
    tracked: HashMap<i32, Identity>,
    /// Descriptors without a known number, by isolate.
    untracked: HashMap<u64, usize>,
}

impl OpenFiles {
    /// Sets the limit.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Fails with the system's error for too many open files if `more` further descriptors exceed the limit.
    pub(crate) fn ensure_room(&self, more: usize) -> io::Result<()> {
        let limit = self.limit.load(Ordering::Relaxed);
        let mut list = self.list.lock();
        let more = more + self.reserved.load(Ordering::Relaxed);
        if limit == 0 || list.count() + more <= limit {
            return Ok(());
        }
        list.tracked.retain(|number, was| Identity::of(*number).as_ref() == Some(was));
        if list.count() + more <= limit { Ok(()) } else { Err(too_many()) }
    }

    /// Counts one descriptor until the result is dropped.
    pub(crate) fn reserve(self: &Arc<Self>) -> FdReservation {
        self.reserved.fetch_add(1, Ordering::Relaxed);
        FdReservation(self.clone())
    }

    /// Lists a descriptor that the process has just opened.
    pub(crate) fn track(&self, number: i32) -> Option<Identity> {
        let identity = Identity::of(number)?;
        self.list.lock().tracked.insert(number, identity);
        Some(identity)
    }

    /// Sets the number of descriptors without a known number of an isolate.
    pub(crate) fn set_untracked(&self, isolate: u64, count: usize) {
        self.list.lock().untracked.insert(isolate, count);
    }

    /// Removes an isolate.
    pub(crate) fn remove_isolate(&self, isolate: u64) {
        self.list.lock().untracked.remove(&isolate);
    }
}

impl List {
    fn count(&self) -> usize {
        self.tracked.len() + self.untracked.values().sum::<usize>()
    }
}

/// The system's error "too many open files".
pub(crate) fn too_many() -> io::Error {
    const TOO_MANY: i32 = if cfg!(windows) { 4 } else { 24 };
    io::Error::from_raw_os_error(TOO_MANY)
}

/// A unique number for an isolate.
pub(crate) fn next_isolate_id() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_closed_descriptor_makes_room() {
        let files = OpenFiles::default();
        files.set_limit(2);
        let (first, second) = io::pipe().unwrap();
        assert!(files.track(first.as_raw_fd()).is_some() && files.ensure_room(1).is_ok());
        files.track(second.as_raw_fd());
        files.track(second.as_raw_fd());
        let refused = files.ensure_room(1).unwrap_err();
        assert_eq!(refused.raw_os_error(), too_many().raw_os_error());
        assert!(too_many().to_string().to_lowercase().contains("too many open files"));
        drop(first);
        assert!(files.ensure_room(1).is_ok() && files.ensure_room(2).is_err());
    }

    #[test]
    fn a_removed_isolate_makes_room() {
        let files = OpenFiles::default();
        assert!(files.ensure_room(1000).is_ok());
        files.set_limit(3);
        files.set_untracked(1, 2);
        files.set_untracked(2, 1);
        assert!(files.ensure_room(1).is_err());
        files.remove_isolate(1);
        assert!(files.ensure_room(2).is_ok());
    }
}
