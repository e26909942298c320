//! Which files a script may load: one answer for every way of loading one.
//!
//! Its own folder and its packages need no permission. All else needs the permission to read, whatever
//! asks for it: the script or a package, a static or a dynamic import, `require()`, a hook, a source map.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_permissions::{
    CheckedPath, OpenAccessKind, PermissionCheckError, PermissionsContainer,
};

use super::{Entry, Loader};
use crate::isolate::sandbox::permissions::{Writable, existing, resolved};

impl Loader {
    /// The file that a path leads to, by its real path, if `permissions` allow loading it. `by` is the
    /// function that an error names.
    pub(super) fn allowed(
        &self,
        permissions: &PermissionsContainer,
        path: &Path,
        by: &str,
    ) -> Result<PathBuf, PermissionCheckError> {
        let found = self.loaded_from(path).or_else(|| self.packages.installed.find(path));
        if let Some(found) = found {
            return Ok(found);
        }
        permissions
            .check_open(Cow::Borrowed(path), OpenAccessKind::Read, Some(by))
            .map(CheckedPath::into_owned_path)
            .or_else(|denied| self.packages.installed.find_linked(path).ok_or(denied))
    }

    /// As [`allowed`](Self::allowed), for what this isolate may do itself.
    pub(super) fn may_import(&self, path: &Path) -> Result<PathBuf, PermissionCheckError> {
        self.allowed(&self.permissions, path, "import()")
    }

    /// Whether it may be told if there is a file.
    pub(super) fn may_look(&self, path: &Path) -> bool {
        self.may_import(path).is_ok()
    }

    /// The real path of a file that was loaded before, if the path still leads there.
    pub(super) fn loaded_from(&self, path: &Path) -> Option<PathBuf> {
        let url = Url::from_file_path(path).ok()?;
        let loaded = self.loaded.borrow().get(&url).cloned()?;
        (resolved(path) == loaded).then_some(loaded)
    }
}

/// The script's own file, which needs no permission. A link in its place that the script could have made
/// is like any other file.
pub(super) fn main_file(entry: &Entry, writable: &Writable) -> Option<PathBuf> {
    let Entry::File(path) = entry else { return None };
    let here = existing(path.parent()?).join(path.file_name()?);
    let real = resolved(path);
    (real == here || !writable.has(&here)).then_some(real)
}
