//! Translates the permissions of a process into Deno's permission system.

#[cfg(all(test, unix))]
mod property_tests;
mod resolve;
pub(crate) mod special_files;
mod symlinks;

use std::path::Path;
use std::sync::Arc;

use deno_runtime::deno_permissions::{
    Permissions as DenoPermissions, PermissionsContainer, PermissionsOptions,
};

#[cfg(unix)]
pub(crate) use self::resolve::with_checked_as;
pub(crate) use self::resolve::{existing, resolved};
pub(crate) use self::symlinks::Writable;
use crate::wire::{Grant, Links, Permissions};

/// Deno's permissions of a process.
///
/// Relative paths are resolved against the thread's working directory. `script_dir` is always readable. With
/// [`Links::Refuse`] a granted path that has become a link grants nothing.
pub(crate) fn container(
    permissions: &Permissions,
    script_dir: Option<&Path>,
    granted_links: Links,
) -> Result<PermissionsContainer, String> {
    let invalid = |error: &dyn std::error::Error| format!("invalid permissions: {error}");
    let mut options = options(permissions, script_dir);
    if granted_links == Links::Follow {
        for list in [&mut options.allow_read, &mut options.allow_write].into_iter().flatten() {
            *list = symlinks::names(list).map_err(|error| invalid(&error))?;
        }
    }
    let parser = Arc::new(symlinks::Parser::new(
        options.allow_read.as_deref(),
        options.allow_write.as_deref(),
    ));
    let permissions = DenoPermissions::from_options(parser.as_ref(), &options)
        .map_err(|error| invalid(&error))?;
    Ok(PermissionsContainer::new(parser, permissions))
}

/// The paths that a process may write. Relative paths are resolved against `cwd`.
pub(crate) fn writable(permissions: &Permissions, cwd: &Path) -> Writable {
    if permissions.all || matches!(permissions.write, Grant::All(true)) {
        return Writable::everything();
    }
    let list = allowed(&permissions.write).unwrap_or_default();
    let paths = list.iter().map(|path| cwd.join(path).to_string_lossy().into_owned());
    Writable::of(&paths.collect::<Vec<_>>())
}

/// FFI stays denied even with `all`: native code can do anything to the application. Prompts stay off: they would
/// read the application's terminal.
fn options(permissions: &Permissions, script_dir: Option<&Path>) -> PermissionsOptions {
    let allow = |grant: &Grant| if permissions.all { Some(vec![]) } else { allowed(grant) };
    let mut allow_read = allow(&permissions.read);
    if let Some(dir) = script_dir
        && allow_read.as_ref().is_none_or(|list| !list.is_empty())
    {
        allow_read.get_or_insert_default().push(dir.to_string_lossy().into_owned());
    }
    let allow_env = allow(&permissions.env);
    PermissionsOptions {
        allow_read,
        allow_write: allow(&permissions.write),
        allow_net: allow(&permissions.net),
        // Reading a variable that is not granted yields `undefined`, not an error.
        ignore_env: (allow_env != Some(vec![])).then(Vec::new),
        allow_env,
        allow_run: allow(&permissions.run),
        allow_sys: allow(&permissions.sys),
        allow_import: allow(&permissions.import),
        allow_ffi: None,
        prompt: false,
        ..PermissionsOptions::default()
    }
}

/// In Deno an empty list grants all, and `None` grants nothing.
fn allowed(grant: &Grant) -> Option<Vec<String>> {
    match grant {
        Grant::All(true) => Some(vec![]),
        Grant::All(false) => None,
        Grant::Some(list) if list.is_empty() => None,
        Grant::Some(list) => Some(list.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_grants_only_reading_the_script_folder() {
        let options = options(&Permissions::default(), Some(Path::new("/app/backends")));
        let expected = PermissionsOptions {
            allow_read: Some(vec!["/app/backends".to_owned()]),
            ignore_env: Some(vec![]),
            ..PermissionsOptions::default()
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn all_excludes_native_code_and_prompts() {
        let options = options(&Permissions::all(), Some(Path::new("/app/backends")));
        assert_eq!(options.allow_read, Some(vec![]));
        assert_eq!(options.allow_run, Some(vec![]));
        assert_eq!(options.allow_ffi, None);
        assert_eq!(options.ignore_env, None);
        assert!(!options.prompt);
    }

    #[test]
    fn an_empty_list_grants_nothing() {
        let permissions = Permissions { net: Grant::Some(vec![]), ..Permissions::default() };
        assert_eq!(options(&permissions, None).allow_net, None);
    }
}
