//! The page's side of the wire, in TypeScript: made from these types, committed, and compared.
//!
//! A test and not a build script: whoever only uses the crate needs none of it, and a build must not
//! change the tree that it builds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ts_rs::{Config, TS};

use super::{
    ExitReason, Framing, Grant, Limits, MemoryKind, Permissions, ProcessInfo, RestartPolicy,
    RestartWhen, Runtime, RuntimeInfo, SpawnConfig, State, Usage,
};

/// Set to 1, the files are written instead of compared.
const WRITE: &str = "JS_RUNTIME_WRITE_BINDINGS";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin/guest-js/src/bindings")
}

/// Every file by its name: one for each type, and one that exports all of them.
fn made() -> BTreeMap<String, String> {
    // Numbers here are counts, bytes and milliseconds, all well below 2^53.
    let config = Config::new().with_large_int("number").with_import_extension(Some("ts"));
    let mut files = BTreeMap::new();
    macro_rules! make {
        ($($type:ty),+ $(,)?) => {
            $(files.insert(
                <$type>::ident(&config),
                for_the_page(&<$type>::export_to_string(&config).expect("a type that is exported")),
            );)+
        };
    }
    make!(
        ExitReason,
        Framing,
        Grant,
        Limits,
        MemoryKind,
        Permissions,
        ProcessInfo,
        RestartPolicy,
        RestartWhen,
        Runtime,
        RuntimeInfo,
        SpawnConfig,
        State,
        Usage,
    );
    let index = files.keys().map(|name| format!("export type {{ {name} }} from './{name}.ts'\n"));
    let index = index.collect();
    let mut files: BTreeMap<_, _> =
        files.into_iter().map(|(name, text)| (format!("{name}.ts"), text)).collect();
    files.insert("index.ts".to_owned(), index);
    files
}

/// Rust's words in the comments as the page knows them.
fn for_the_page(text: &str) -> String {
    text.replace("`None`", "`null`")
}

fn committed() -> BTreeMap<String, String> {
    let listing = fs::read_dir(folder()).into_iter().flatten().flatten();
    let read = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((name, fs::read_to_string(path).ok()?.replace("\r\n", "\n")))
    };
    listing.filter_map(|entry| read(entry.path())).collect()
}

fn write(files: &BTreeMap<String, String>) -> std::io::Result<()> {
    fs::create_dir_all(folder())?;
    for name in committed().keys().filter(|name| !files.contains_key(*name)) {
        fs::remove_file(folder().join(name))?;
    }
    files.iter().try_for_each(|(name, text)| fs::write(folder().join(name), text))
}

/// What is left of a text when a formatter's doing is taken away.
fn without_layout(text: &str) -> String {
    text.chars().filter(|&c| !c.is_whitespace() && !";,|'\"".contains(c)).collect()
}

#[test]
fn the_committed_typescript_is_what_these_types_say() {
    let made = made();
    if std::env::var_os(WRITE).is_some_and(|value| value == "1") {
        write(&made).expect("the folder can be written");
    }
    let committed = committed();
    let plain =
        |files: &BTreeMap<_, String>, name| files.get(name).map(|text| without_layout(text));
    let names: BTreeSet<_> = made.keys().chain(committed.keys()).collect();
    let differ: Vec<_> =
        names.into_iter().filter(|name| plain(&made, *name) != plain(&committed, *name)).collect();
    assert!(
        differ.is_empty(),
        "out of date: {differ:?}; make them anew with `{WRITE}=1 cargo test -p js-runtime --lib \
         bindings`, then `npx prettier --write runtime/plugin/guest-js/src/bindings`"
    );
}
