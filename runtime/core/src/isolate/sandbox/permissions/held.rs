//! Substitution of paths in permission checks.
//!
//! Some methods of the engine check the path that they receive. A path that was checked before is passed to them
//! as the path of its open file, and the check uses the original path.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// The path of an open file, and the path that the file was opened by.
type Held = (PathBuf, PathBuf);

thread_local! {
    static NOW: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Calls `act`. Meanwhile checks of `open` use `path`. No script runs in `act`.
pub(crate) fn while_held<T>(open: &Path, path: &Path, act: impl FnOnce() -> T) -> T {
    let before = NOW.replace(Some((open.to_owned(), path.to_owned())));
    let done = act();
    NOW.set(before);
    done
}

/// The path to check in place of `path`.
pub(super) fn meant(path: Cow<'_, Path>) -> Cow<'_, Path> {
    let meant = NOW.with_borrow(|now| {
        let (open, meant) = now.as_ref()?;
        (**open == *path).then(|| meant.clone())
    });
    meant.map_or(path, Cow::Owned)
}
