//! Property tests: with any links and grants, an allowed path leads to a granted one. The engine's answers are
//! compared with where the system leads.
//!
//! `PROPTEST_CASES` sets the number of cases.

use std::borrow::Cow;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use deno_runtime::deno_permissions::OpenAccessKind;
use proptest::prelude::*;

use super::container;
use crate::wire::{Grant, Links, Permissions};

/// An entry of the tree, with its path.
#[derive(Debug, Clone)]
enum Entry {
    Folder(String),
    File(String),
    /// A link and its target, which may not exist.
    Link(String, String),
}

fn path(names: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(names.split(' ').collect::<Vec<_>>()), 1..4)
        .prop_map(|names| names.join("/"))
}

fn entry() -> impl Strategy<Value = Entry> {
    let target = prop_oneof![
        3 => path("a b c .."),
        // Absolute: below the root of the tree.
        1 => path("a b c").prop_map(|path| format!("/{path}")),
    ];
    prop_oneof![
        3 => path("a b c").prop_map(Entry::Folder),
        2 => path("a b c").prop_map(Entry::File),
        4 => (path("a b c"), target).prop_map(|(link, target)| Entry::Link(link, target)),
    ]
}

/// Creates the entries. An entry whose folder is a file or does not exist is left out.
fn create(root: &Path, entries: &[Entry]) {
    for entry in entries {
        let _ = match entry {
            Entry::Folder(path) => fs::create_dir_all(root.join(path)),
            Entry::File(path) => fs::write(root.join(path), ""),
            Entry::Link(path, target) => match target.strip_prefix('/') {
                Some(below) => symlink(root.join(below), root.join(path)),
                None => symlink(target, root.join(path)),
            },
        };
    }
}

/// The path that the system opens or creates for `path`. `None` where it can do neither.
fn system_target(path: &Path, depth: usize) -> Option<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Some(real);
    }
    let folder = system_target(path.parent()?, depth)?;
    // A file in a folder that does not exist cannot be opened.
    if !folder.is_dir() {
        return None;
    }
    let at = folder.join(path.file_name()?);
    match fs::read_link(&at) {
        Ok(next) if depth > 0 => system_target(&folder.join(next), depth - 1),
        Ok(_) => None,
        Err(_) => Some(at),
    }
}

/// Whether `path` is below one of `granted`. All paths are resolved.
fn is_below(path: &Path, granted: &[PathBuf]) -> bool {
    granted.iter().any(|granted| path.starts_with(granted))
}

/// The system cannot open `b`. If `b/..` were dropped from the target of `b`, the target would be `a`.
#[test]
fn a_link_through_itself_does_not_resolve_to_its_sibling() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path().canonicalize().expect("it exists");
    create(
        &root,
        &[Entry::Link("a".into(), "..".into()), Entry::Link("b".into(), "b/../a".into())],
    );
    let list = Grant::Some(vec![root.join("a").to_string_lossy().into_owned()]);
    let permissions = Permissions { read: list, ..Permissions::default() };
    let container = container(&permissions, None, Links::Refuse).expect("good permissions");
    let requested = Cow::Owned(root.join("b"));
    let opened = container.check_open(requested, OpenAccessKind::Read, Some("open"));
    assert!(opened.is_err(), "{:?}", opened.map(|path| path.to_path_buf()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_allowed_path_leads_to_a_granted_path(
        entries in prop::collection::vec(entry(), 1..12),
        granted in prop::collection::vec(path("a b c"), 1..3),
        requested in prop::collection::vec(path("a b c new .."), 1..24),
        refuses_links in any::<bool>(),
    ) {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path().canonicalize().expect("it exists");
        create(&root, &entries);
        let paths = granted.iter().map(|path| root.join(path)).collect::<Vec<_>>();
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let list = || Grant::Some(paths.iter().map(text).collect());
        let permissions = Permissions { read: list(), write: list(), ..Permissions::default() };
        let links = if refuses_links { Links::Refuse } else { Links::Follow };
        let container = container(&permissions, None, links).expect("good permissions");
        // A granted link grants its target too. Where links are refused, a granted path with a link in it grants
        // nothing.
        let granted_targets: Vec<_> = paths
            .iter()
            .filter_map(|path| system_target(path, 40).filter(|real| !refuses_links || real == path))
            .collect();
        for requested in requested {
            let requested = root.join(requested);
            for access in [OpenAccessKind::Read, OpenAccessKind::Write, OpenAccessKind::ReadWrite] {
                let opened = container.check_open(Cow::Borrowed(&requested), access, Some("open"));
                let Ok(opened) = opened else { continue };
                // A path that leads to no file cannot be opened.
                let Some(real) = system_target(&opened, 40) else { continue };
                prop_assert!(
                    is_below(&real, &granted_targets),
                    "{} leads to {}, and {granted_targets:?} was granted",
                    requested.display(),
                    real.display()
                );
            }
        }
    }

    #[test]
    fn a_resolved_path_is_allowed_exactly_below_a_granted_path(
        entries in prop::collection::vec(entry(), 1..12),
        granted in path("a b c"),
        requested in path("a b c new"),
    ) {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path().canonicalize().expect("it exists");
        create(&root, &entries);
        let granted = root.join(granted);
        let list = Grant::Some(vec![granted.to_string_lossy().into_owned()]);
        let permissions = Permissions { read: list, ..Permissions::default() };
        let container = container(&permissions, None, Links::Follow).expect("good permissions");
        // A granted link without a target grants only itself.
        let Ok(granted) = granted.canonicalize() else { return Ok(()) };
        let Some(real) = system_target(&granted.join(requested), 40) else { return Ok(()) };
        let within = real.starts_with(granted);
        let opened = container.check_open(Cow::Borrowed(&real), OpenAccessKind::Read, Some("open"));
        prop_assert_eq!(opened.is_ok(), within, "{}", real.display());
    }
}
