//! Finds the packages that a script may load without a permission to read.
//!
//! These are the files in `node_modules` of its folder and of the folders above, and packages that symlinks in there
//! point to: packages of the project, and packages in the store of a package manager. Paths are compared after symlinks
//! are resolved. Symlinks to other targets are ignored, and so are symlinks that the script could have
//! created.

use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::isolate::sandbox::permissions::{Writable, existing, resolved};

const FOLDER: &str = "node_modules";
const MANIFEST: &str = "package.json";

/// The packages of one script.
pub(super) struct Installed {
    /// The resolved folder of the script.
    script: Option<PathBuf>,
    writable: Writable,
    project: OnceCell<Option<PathBuf>>,
    found: RefCell<Found>,
}

/// Folders found so far, by resolved path.
#[derive(Default)]
struct Found {
    /// Folders whose files may be loaded.
    allowed: Vec<PathBuf>,
    /// `node_modules` folders whose symlinks were not followed yet.
    unread: Vec<PathBuf>,
    /// All folders that were ever in `unread`.
    seen: HashSet<PathBuf>,
}

impl Found {
    fn contains(&self, resolved: &Path) -> bool {
        self.allowed.iter().any(|folder| resolved.starts_with(folder))
    }

    fn queue(&mut self, folder: PathBuf) {
        if self.seen.insert(folder.clone()) {
            self.unread.push(folder);
        }
    }
}

impl Installed {
    /// `folder` is the folder of the script; `None` if the script is not a file.
    pub(super) fn new(folder: Option<&Path>, writable: Writable) -> Self {
        let mut found = Found::default();
        let above = folder.into_iter().flat_map(Path::ancestors);
        for at in above.filter(|at| !at.ends_with(FOLDER)) {
            let unresolved = existing(at).join(FOLDER);
            let folder = resolved(&unresolved);
            // Missing folders are allowed too, so that a missing package is reported as missing and not as denied.
            if folder == unresolved || !writable.has(&unresolved) {
                found.allowed.push(folder.clone());
                found.queue(folder);
            }
        }
        let script = folder.map(existing);
        Self { script, writable, project: OnceCell::new(), found: found.into() }
    }

    /// The resolved path of a file in one of the folders found so far. `None` for a path that contains `..`, which may
    /// leave the folder.
    pub(super) fn find(&self, path: &Path) -> Option<PathBuf> {
        if path.components().any(|part| part == Component::ParentDir) {
            return None;
        }
        let file = resolved(path);
        self.found.borrow().contains(&file).then_some(file)
    }

    /// [`find`](Self::find) that also follows symlinks in these folders. It reads folders, so call it only if nothing
    /// else allows the file.
    pub(super) fn find_linked(&self, path: &Path) -> Option<PathBuf> {
        loop {
            if let Some(file) = self.find(path) {
                return Some(file);
            }
            let folder = self.found.borrow_mut().unread.pop()?;
            for link in packages_in(&folder) {
                self.follow(&link);
            }
        }
    }

    /// Adds the package that a symlink points to.
    fn follow(&self, link: &Path) {
        let Some(target) = linked_package(link) else { return };
        if self.writable.has(link) || !self.is_package(&target) {
            return;
        }
        let mut found = self.found.borrow_mut();
        found.queue(target.join(FOLDER));
        if let Some((folder, _)) = package_of(&target) {
            // In a store the dependencies of a package are beside it.
            found.queue(folder.to_owned());
        }
        if !found.contains(&target) {
            found.allowed.push(target);
        }
    }

    /// Whether a folder is a package of the project, or in the store of a package manager.
    fn is_package(&self, folder: &Path) -> bool {
        // A folder that contains the script may contain more than a package.
        let has_script = self.script.as_ref().is_none_or(|script| script.starts_with(folder));
        if has_script || !folder.is_dir() {
            return false;
        }
        let is_stored = package_of(folder).is_some_and(|(store, name)| store.join(name) == folder);
        let is_own = || {
            let manifest = folder.join(MANIFEST);
            self.project().is_some_and(|project| folder.starts_with(project))
                && resolved(&manifest) == manifest
                && manifest.is_file()
        };
        is_stored || is_own()
    }

    /// The root of the workspace that contains the script, or else the script's package.
    fn project(&self) -> Option<&Path> {
        let find = || {
            let above = || self.script.iter().flat_map(|script| script.ancestors());
            let root = above().find(|at| is_workspace(at));
            root.or_else(|| above().find(|at| at.join(MANIFEST).is_file())).map(Path::to_owned)
        };
        self.project.get_or_init(find).as_deref()
    }
}

/// Whether a folder is the root of a workspace of pnpm, npm, Yarn, Bun or Deno.
fn is_workspace(folder: &Path) -> bool {
    let declares = |(name, word)| {
        let path = folder.join(name);
        path.is_file() && fs::read_to_string(path).is_ok_and(|text| text.contains(word))
    };
    let files = [
        ("pnpm-workspace.yaml", ""),
        (MANIFEST, "\"workspaces\""),
        ("deno.json", "\"workspace\""),
        ("deno.jsonc", "\"workspace\""),
    ];
    files.into_iter().any(declares)
}

/// The entries of a `node_modules` folder that may be packages.
fn packages_in(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let starts_with = |path: &Path, prefix| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(prefix))
    };
    let (scopes, mut packages): (Vec<_>, Vec<_>) =
        entries(folder).into_iter().partition(|path| starts_with(path, b"@"));
    packages.retain(|path| !starts_with(path, b"."));
    packages.extend(scopes.iter().filter(|scope| !scope.is_symlink()).flat_map(|it| entries(it)));
    packages
}

/// The target of a package that is a symlink, or a folder of symlinks as Bun creates for `file:` dependencies.
fn linked_package(path: &Path) -> Option<PathBuf> {
    if path.is_symlink() {
        return Some(existing(path));
    }
    let manifest = path.join(MANIFEST);
    let target = manifest.is_symlink().then(|| existing(&manifest))?;
    target.parent().map(Path::to_owned)
}

/// The innermost `node_modules` folder that contains `path`, and the path of the package in it.
fn package_of(path: &Path) -> Option<(&Path, &Path)> {
    let folder = path.ancestors().skip(1).find(|at| at.ends_with(FOLDER))?;
    let inside = path.strip_prefix(folder).ok()?;
    let mut parts = inside.iter();
    let is_scoped = parts.next()?.to_string_lossy().starts_with('@');
    let depth = if is_scoped { 2 } else { 1 };
    let beyond = inside.iter().count().checked_sub(depth)?;
    Some((folder, inside.ancestors().nth(beyond)?))
}

/// The name of the package that contains a file, as in an `import`.
pub(crate) fn package_name(path: &Path) -> Option<String> {
    let (_, package) = package_of(path)?;
    let parts: Vec<_> = package.iter().map(|part| part.to_string_lossy()).collect();
    Some(parts.join("/"))
}

#[cfg(all(test, unix))]
mod tests {
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

    /// A temporary folder with files and symlinks.
    struct Tree {
        _root: tempfile::TempDir,
        at: PathBuf,
    }

    impl Tree {
        fn new(files: &[&str], links: &[(&str, &str)]) -> Self {
            let root = tempfile::tempdir().expect("a folder");
            let at = root.path().canonicalize().expect("the folder exists");
            let create_parent = |path: &Path| {
                fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            };
            for file in files {
                let path = at.join(file);
                create_parent(&path);
                fs::write(path, "{}").expect("a file");
            }
            for (link, target) in links {
                let path = at.join(link);
                create_parent(&path);
                symlink(at.join(target), path).expect("a link");
            }
            Self { _root: root, at }
        }

        fn installed(&self, script: &str, write: &[&str]) -> Installed {
            let write = write.iter().map(|path| self.at.join(path).to_string_lossy().into_owned());
            let writable = Writable::of(&write.collect::<Vec<_>>());
            Installed::new(Some(&self.at.join(script)), writable)
        }

        fn finds(&self, installed: &Installed, path: &str) -> bool {
            installed.find_linked(&self.at.join(path)).is_some()
        }
    }

    #[test]
    fn only_the_scripts_own_packages_are_installed() {
        let tree = Tree::new(
            &["app/src/x.json", "app/node_modules/@s/p/x.json", "stranger/node_modules/p/x.json"],
            &[],
        );
        let installed = tree.installed("app/src", &[]);
        assert!(tree.finds(&installed, "app/node_modules/@s/p/x.json"));
        assert!(tree.finds(&installed, "app/node_modules/missing/x.json"));
        assert!(!tree.finds(&installed, "app/node_modules/../secret.json"));
        assert!(!tree.finds(&installed, "stranger/node_modules/p/x.json"));
        assert!(!tree.finds(&installed, "app/src/x.json"));
        let none = Installed::new(None, Writable::of(&[]));
        assert!(!tree.finds(&none, "app/node_modules/@s/p/x.json"));
    }

    #[test]
    fn packages_in_the_store_of_a_package_manager_are_installed() {
        let tree = Tree::new(
            &[
                "store/one/node_modules/one/x.js",
                "store/two/node_modules/two/x.js",
                "store/three/node_modules/three/x.js",
                "app/node_modules/.pnpm/four/node_modules/four/x.js",
            ],
            &[
                ("app/node_modules/one", "store/one/node_modules/one"),
                ("store/one/node_modules/two", "store/two/node_modules/two"),
                ("app/node_modules/four", "app/node_modules/.pnpm/four/node_modules/four"),
            ],
        );
        let installed = tree.installed("app/src", &[]);
        for found in [
            "app/node_modules/one/x.js",
            "store/two/node_modules/two/x.js",
            "app/node_modules/four/x.js",
        ] {
            assert!(tree.finds(&installed, found), "{found}");
        }
        assert!(tree.finds(&installed, "store/one/node_modules/one/x.js"));
        assert!(!tree.finds(&installed, "store/three/node_modules/three/x.js"));
    }

    #[test]
    fn packages_of_the_workspace_are_installed() {
        let tree = Tree::new(
            &[
                "repo/pnpm-workspace.yaml",
                "repo/package.json",
                "repo/packages/app/package.json",
                "repo/packages/lib/package.json",
                "repo/packages/lib/x.ts",
                "repo/packages/bun/package.json",
                "repo/packages/bun/x.ts",
                "repo/secrets/x.json",
                "elsewhere/package.json",
            ],
            &[
                ("repo/packages/app/node_modules/lib", "repo/packages/lib"),
                ("repo/packages/app/node_modules/@s/root", "repo"),
                ("repo/packages/app/node_modules/secrets", "repo/secrets"),
                ("repo/packages/app/node_modules/elsewhere", "elsewhere"),
                (
                    "repo/packages/app/node_modules/bun/package.json",
                    "repo/packages/bun/package.json",
                ),
            ],
        );
        let installed = tree.installed("repo/packages/app/src", &[]);
        assert!(tree.finds(&installed, "repo/packages/lib/x.ts"));
        assert!(tree.finds(&installed, "repo/packages/app/node_modules/lib/x.ts"));
        assert!(tree.finds(&installed, "repo/packages/bun/x.ts"));
        for other in ["repo/package.json", "repo/secrets/x.json", "elsewhere/package.json"] {
            assert!(!tree.finds(&installed, other), "{other}");
        }
    }

    #[test]
    fn a_symlink_out_of_a_package_is_ignored() {
        let tree = Tree::new(
            &["secret.json", "app/node_modules/p/x.js", "app/package.json", "app/data/x.json"],
            &[
                ("app/node_modules/p/link.json", "secret.json"),
                ("app/node_modules/p/data", "app/data"),
                ("app/node_modules/p/dangling.json", "missing.json"),
            ],
        );
        let installed = tree.installed("app/src", &[]);
        assert!(tree.finds(&installed, "app/node_modules/p/x.js"));
        for link in ["link.json", "data/x.json", "dangling.json"] {
            assert!(!tree.finds(&installed, &format!("app/node_modules/p/{link}")), "{link}");
        }
    }

    #[test]
    fn a_symlink_that_the_script_may_write_is_ignored() {
        let tree = Tree::new(
            &[
                "app/package.json",
                "app/lib/package.json",
                "store/node_modules/p/x.js",
                "other/p/x.js",
            ],
            &[
                ("app/src/node_modules", "other"),
                ("app/node_modules/p", "store/node_modules/p"),
                ("app/node_modules/lib", "app/lib"),
            ],
        );
        let files = [
            "app/node_modules/p/x.js",
            "app/node_modules/lib/package.json",
            "app/src/node_modules/p/x.js",
        ];
        let installed = tree.installed("app/src", &[]);
        assert!(files.iter().all(|path| tree.finds(&installed, path)));
        let installed = tree.installed("app/src", &["app"]);
        assert!(files.iter().all(|path| !tree.finds(&installed, path)));
    }
}
