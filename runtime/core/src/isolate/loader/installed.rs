//! What is installed for a script: the packages that it may load without a permission to read.
//!
//! These are the `node_modules` in its own folder and those above, and where links in them lead to.
//! Somebody else's `node_modules` are files like any other.

use std::cell::RefCell;
use std::path::{Component, Path, PathBuf};

const FOLDER: &str = "node_modules";

/// The `node_modules` folders of one script.
pub(super) struct Installed {
    /// Those known so far. A package manager may keep the packages of all projects in one place, with
    /// a folder for each and links between them; such folders are added as they are come by.
    folders: RefCell<Vec<PathBuf>>,
}

impl Installed {
    /// `folder` is where the script lies; `None` when it lies nowhere.
    pub(super) fn new(folder: Option<&Path>) -> Self {
        let mut folders: Vec<PathBuf> = Vec::new();
        let above = folder.into_iter().flat_map(Path::ancestors);
        for found in above.filter(|at| !at.ends_with(FOLDER)).map(|at| at.join(FOLDER)) {
            // Modules are known by the paths that links lead to, but may be asked for by others. A
            // folder that is not there is looked for too: a missing package is no denied one.
            folders.extend(found.canonicalize());
            folders.push(found);
        }
        folders.dedup();
        Self { folders: folders.into() }
    }

    /// A path with `..` in it may lead out of the folder again, and is never in it.
    pub(super) fn contains(&self, path: &Path) -> bool {
        if path.components().any(|part| part == Component::ParentDir) {
            return false;
        }
        if self.folders.borrow().iter().any(|folder| path.starts_with(folder)) {
            return true;
        }
        let Some((folder, package)) = package_of(path) else {
            return false;
        };
        let is_linked = self.folders.borrow().iter().any(|known| {
            let link = known.join(package);
            link.canonicalize().is_ok_and(|real| real == folder.join(package))
        });
        if is_linked {
            self.folders.borrow_mut().push(folder.to_owned());
        }
        is_linked
    }
}

/// The innermost `node_modules` folder that `path` is in, and the package's path in there.
fn package_of(path: &Path) -> Option<(&Path, &Path)> {
    let folder = path.ancestors().skip(1).find(|at| at.ends_with(FOLDER))?;
    let inside = path.strip_prefix(folder).ok()?;
    let mut parts = inside.iter();
    let is_scoped = parts.next()?.to_string_lossy().starts_with('@');
    let depth = if is_scoped { 2 } else { 1 };
    let beyond = inside.iter().count().checked_sub(depth)?;
    Some((folder, inside.ancestors().nth(beyond)?))
}

/// The name of the package that a file belongs to, as `import` has it.
pub(in crate::isolate) fn package_name(path: &Path) -> Option<String> {
    let (_, package) = package_of(path)?;
    let parts: Vec<_> = package.iter().map(|part| part.to_string_lossy()).collect();
    Some(parts.join("/"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_package_is_found_in_a_path() {
        let of = |path| package_of(Path::new(path));
        let found = |folder, package| Some((Path::new(folder), Path::new(package)));
        assert_eq!(of("/a/node_modules/p/x.js"), found("/a/node_modules", "p"));
        assert_eq!(of("/a/node_modules/@s/p/lib/x.js"), found("/a/node_modules", "@s/p"));
        assert_eq!(
            of("/a/node_modules/p/node_modules/q/x.js"),
            found("/a/node_modules/p/node_modules", "q")
        );
        assert_eq!(of("/a/node_modules"), None);
        assert_eq!(of("/a/node_modules/@s"), None);
        assert_eq!(of("/a/b.js"), None);
        assert_eq!(package_name(Path::new("/a/node_modules/@s/p/x.node")).unwrap(), "@s/p");
    }

    /// A project, a place where a package manager keeps packages, and a stranger.
    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        let at = root.path();
        for folder in [
            "app/src",
            "app/node_modules/@s/p",
            "store/one/node_modules/one",
            "store/two/node_modules/two",
            "stranger/node_modules/p",
        ] {
            fs::create_dir_all(at.join(folder)).expect("a folder");
        }
        for (from, to) in [("store/one", "app"), ("store/two", "store/one")] {
            let package = at.join(from).join(FOLDER).join(&from["store/".len()..]);
            let link = at.join(to).join(FOLDER).join(&from["store/".len()..]);
            symlink(package, link).expect("a link");
        }
        root
    }

    #[test]
    fn the_scripts_own_packages_are_installed_and_no_others() {
        let tree = tree();
        let root = tree.path().canonicalize().unwrap();
        let installed = Installed::new(Some(&root.join("app/src")));
        assert!(installed.contains(&root.join("app/node_modules/@s/p/x.json")));
        assert!(!installed.contains(&root.join("app/node_modules/../secret.json")));
        assert!(!installed.contains(&root.join("stranger/node_modules/p/x.json")));
        assert!(!installed.contains(&root.join("app/src/x.json")));
        assert!(!Installed::new(None).contains(&root.join("app/node_modules/@s/p/x.json")));
    }

    #[test]
    fn links_are_followed_to_where_the_packages_are() {
        let tree = tree();
        let root = tree.path().canonicalize().unwrap();
        let installed = Installed::new(Some(&root.join("app/src")));
        let two = root.join("store/two/node_modules/two/x.js");
        assert!(!installed.contains(&two), "no link of the script's leads there yet");
        assert!(installed.contains(&root.join("store/one/node_modules/one/x.js")));
        assert!(installed.contains(&two));
    }
}
