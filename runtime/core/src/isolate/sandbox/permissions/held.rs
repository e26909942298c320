//! Paths of open files, which a check takes for the paths that these were opened by.
//!
//! Some methods of the engine check the path that they are given. One that was checked, and is open since, gets to
//! them by its open file.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// A path of an open file, and what it was opened by.
type Held = (PathBuf, PathBuf);

thread_local! {
    static NOW: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Calls `act`, in which a check takes `open` for `path`. No script runs meanwhile.
pub(crate) fn while_held<T>(open: &Path, path: &Path, act: impl FnOnce() -> T) -> T {
    let before = NOW.replace(Some((open.to_owned(), path.to_owned())));
    let done = act();
    NOW.set(before);
    done
}

/// What a check is about.
pub(super) fn meant(path: Cow<'_, Path>) -> Cow<'_, Path> {
    let meant = NOW.with_borrow(|now| {
        let (open, meant) = now.as_ref()?;
        (**open == *path).then(|| meant.clone())
    });
    meant.map_or(path, Cow::Owned)
}
