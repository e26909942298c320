//! Decides which files a script may load.
//!
//! The rules are the same for static and dynamic imports, `require()`, hooks and source maps, and for imports by
//! packages: the main module, files that were loaded before, and installed packages need no permission. All other files
//! need the permission to read.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_permissions::{
    CheckedPath, OpenAccessKind, PermissionCheckError, PermissionsContainer,
};

use super::{Entry, Loader};
use crate::isolate::sandbox::permissions::{Writable, existing, resolved};

impl Loader {
    /// The resolved path of a file, if `permissions` allow loading it. `api` is the function that an error names.
    pub(super) fn allowed(
        &self,
        permissions: &PermissionsContainer,
        path: &Path,
        api: &str,
    ) -> Result<PathBuf, PermissionCheckError> {
        let found = self.loaded_from(path).or_else(|| self.packages.installed.find(path));
        if let Some(found) = found {
            return Ok(found);
        }
        permissions
            .check_open(Cow::Borrowed(path), OpenAccessKind::Read, Some(api))
            .map(CheckedPath::into_owned_path)
            .or_else(|denied| self.packages.installed.find_linked(path).ok_or(denied))
    }

    /// [`allowed`](Self::allowed) with the permissions of this isolate.
    pub(super) fn may_import(&self, path: &Path) -> Result<PathBuf, PermissionCheckError> {
        self.allowed(&self.permissions, path, "import()")
    }

    /// Whether the isolate may know if a file exists.
    pub(super) fn may_probe(&self, path: &Path) -> bool {
        self.may_import(path).is_ok()
    }

    /// The resolved path of a file that was loaded before, if `path` still resolves to it.
    pub(super) fn loaded_from(&self, path: &Path) -> Option<PathBuf> {
        let url = Url::from_file_path(path).ok()?;
        let loaded = self.loaded.borrow().get(&url).cloned()?;
        (resolved(path) == loaded).then_some(loaded)
    }
}

/// The resolved path of the script's own file, which needs no permission; `None` if it is a symlink that the script could
/// have created.
pub(super) fn main_file(entry: &Entry, writable: &Writable) -> Option<PathBuf> {
    let Entry::File(path) = entry else { return None };
    let unresolved = existing(path.parent()?).join(path.file_name()?);
    let file = resolved(path);
    (file == unresolved || !writable.has(&unresolved)).then_some(file)
}
