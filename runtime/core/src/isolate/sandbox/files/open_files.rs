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
    /// Descriptors without a known number, each counted by a [`Counted`].
    others: AtomicUsize,
}

/// One open descriptor, counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Shared);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.others.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct List {
    numbers: HashMap<i32, Identity>,
    /// Descriptors without a known number, by isolate.
    counted: HashMap<u64, usize>,
}

impl OpenFiles {
    /// Sets the limit.
    pub(crate) fn bound(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Fails with the system's error for too many open files if `more` further descriptors exceed the limit.
    pub(crate) fn room_for(&self, more: usize) -> io::Result<()> {
        let limit = self.limit.load(Ordering::Relaxed);
        let mut list = self.list.lock();
        let more = more + self.others.load(Ordering::Relaxed);
        if limit == 0 || list.count() + more <= limit {
            return Ok(());
        }
        list.numbers.retain(|number, was| Identity::of(*number).as_ref() == Some(was));
        if list.count() + more <= limit { Ok(()) } else { Err(too_many()) }
    }

    /// Counts one descriptor until the result is dropped.
    pub(crate) fn count_one(self: &Arc<Self>) -> Counted {
        self.others.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// Lists a descriptor that the process has just opened.
    pub(crate) fn opened(&self, number: i32) -> Option<Identity> {
        let identity = Identity::of(number)?;
        self.list.lock().numbers.insert(number, identity);
        Some(identity)
    }

    /// Sets the number of descriptors without a known number of an isolate.
    pub(crate) fn count(&self, isolate: u64, count: usize) {
        self.list.lock().counted.insert(isolate, count);
    }

    /// Removes an isolate.
    pub(crate) fn forget(&self, isolate: u64) {
        self.list.lock().counted.remove(&isolate);
    }
}

impl List {
    fn count(&self) -> usize {
        self.numbers.len() + self.counted.values().sum::<usize>()
    }
}

/// The system's error "too many open files".
pub(crate) fn too_many() -> io::Error {
    const TOO_MANY: i32 = if cfg!(windows) { 4 } else { 24 };
    io::Error::from_raw_os_error(TOO_MANY)
}

/// A unique number for an isolate.
pub(crate) fn next_isolate() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) type Shared = Arc<OpenFiles>;

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_closed_descriptor_makes_room() {
        let files = OpenFiles::default();
        files.bound(2);
        let (first, second) = io::pipe().unwrap();
        assert!(files.opened(first.as_raw_fd()).is_some() && files.room_for(1).is_ok());
        files.opened(second.as_raw_fd());
        files.opened(second.as_raw_fd());
        let refused = files.room_for(1).unwrap_err();
        assert_eq!(refused.raw_os_error(), too_many().raw_os_error());
        assert!(too_many().to_string().to_lowercase().contains("too many open files"));
        drop(first);
        assert!(files.room_for(1).is_ok() && files.room_for(2).is_err());
    }

    #[test]
    fn a_removed_isolate_makes_room() {
        let files = OpenFiles::default();
        assert!(files.room_for(1000).is_ok());
        files.bound(3);
        files.count(1, 2);
        files.count(2, 1);
        assert!(files.room_for(1).is_err());
        files.forget(1);
        assert!(files.room_for(2).is_ok());
    }
}
