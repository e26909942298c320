//! How many descriptors the isolates of a process have open, and how many they may.
//!
//! Of a descriptor with a number that is known (a file, a pipe, a duplicate) the list has the number with what it
//! stood for, so that any isolate can tell which of them are still open. What the engine opens without telling a
//! number (a socket of a handle, a watcher, a connection) each isolate counts for itself.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// What a descriptor stands for: no two pipes or sockets that are open are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    file: u64,
}

impl Identity {
    /// Of a descriptor of the application; `None` for one that is not open, and on systems that do not tell.
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
    /// 0 is none yet: the isolate was made before the process was known.
    limit: AtomicUsize,
    list: Mutex<List>,
    /// Without numbers, and counted one by one.
    others: AtomicUsize,
}

/// One that is open as long as this lives.
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
    /// Without numbers, by the isolate.
    counted: HashMap<u64, usize>,
}

impl OpenFiles {
    /// From now on no more than `limit` are opened.
    pub(crate) fn bound(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Fails as the system does when a process has too many, unless so many more may be opened.
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

    /// Counts one more.
    pub(crate) fn count_one(self: &Arc<Self>) -> Counted {
        self.others.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// A descriptor of the process that has just been opened.
    pub(crate) fn opened(&self, number: i32) -> Option<Identity> {
        let identity = Identity::of(number)?;
        self.list.lock().numbers.insert(number, identity);
        Some(identity)
    }

    /// How many without numbers an isolate has now.
    pub(crate) fn count(&self, isolate: u64, count: usize) {
        self.list.lock().counted.insert(isolate, count);
    }

    /// The isolate is gone.
    pub(crate) fn forget(&self, isolate: u64) {
        self.list.lock().counted.remove(&isolate);
    }
}

impl List {
    fn count(&self) -> usize {
        self.numbers.len() + self.counted.values().sum::<usize>()
    }
}

/// What the system says: "too many open files".
pub(crate) fn too_many() -> io::Error {
    const TOO_MANY: i32 = if cfg!(windows) { 4 } else { 24 };
    io::Error::from_raw_os_error(TOO_MANY)
}

/// A number for each isolate.
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
    fn what_is_closed_makes_room() {
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
    fn what_an_isolate_counts_is_room_again_when_it_is_gone() {
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
