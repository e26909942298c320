//! Compares committed TypeScript with the Rust types that it is generated from. For tests of this crate and of
//! crates that depend on it.
//!
//! A test and not a build script: users of the crate do not need it, and a build must not change its own sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ts_rs::{Config, TS};

/// If this variable is 1, the files are written before they are compared.
const WRITE: &str = "JS_RUNTIME_WRITE_BINDINGS";

type Files = BTreeMap<String, String>;

/// Adds the generated file of each type to a map of files.
#[macro_export]
macro_rules! typescript_files {
    ($files:ident, $($type:ty),+ $(,)?) => {
        $({
            let (name, text) = $crate::bindings_check::file::<$type>();
            $files.insert(name, text);
        })+
    };
}

/// The file of one type: its name without extension, and its text.
#[must_use]
pub fn file<T: TS + 'static>() -> (String, String) {
    // Numbers here are counts, bytes and milliseconds, all well below 2^53.
    let config = Config::new().with_large_int("number").with_import_extension(Some("ts"));
    let text = T::export_to_string(&config).expect("an exported type");
    // The comments are Rust documentation; the page has `null` in place of `None`.
    (T::ident(&config), text.replace("`None`", "`null`"))
}

/// Fails unless `folder` contains exactly `files` and an `index.ts` that exports all of them.
#[track_caller]
pub fn assert_committed(folder: &Path, files: Files, package: &str) {
    let index = files.keys().map(|name| format!("export type {{ {name} }} from './{name}.ts'\n"));
    let index = index.collect();
    let mut made: Files =
        files.into_iter().map(|(name, text)| (format!("{name}.ts"), text)).collect();
    made.insert("index.ts".to_owned(), index);
    if std::env::var_os(WRITE).is_some_and(|value| value == "1") {
        write(folder, &made).expect("a writable folder");
    }
    let committed = committed(folder);
    let plain = |files: &Files, name: &String| files.get(name).map(|text| without_layout(text));
    let names: BTreeSet<_> = made.keys().chain(committed.keys()).collect();
    let differ: Vec<_> =
        names.into_iter().filter(|name| plain(&made, name) != plain(&committed, name)).collect();
    assert!(
        differ.is_empty(),
        "out of date: {differ:?}; regenerate them with `{WRITE}=1 cargo test -p {package} --lib \
         committed_typescript`, then `npx prettier --write runtime/plugin/guest-js/src/bindings`"
    );
}

fn committed(folder: &Path) -> Files {
    let listing = fs::read_dir(folder).into_iter().flatten().flatten();
    let read = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((name, fs::read_to_string(path).ok()?.replace("\r\n", "\n")))
    };
    listing.filter_map(|entry| read(entry.path())).collect()
}

fn write(folder: &Path, files: &Files) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for name in committed(folder).keys().filter(|name| !files.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    files.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
}

/// Removes everything that a formatter may change.
fn without_layout(text: &str) -> String {
    text.chars().filter(|&c| !c.is_whitespace() && !";,|'\"".contains(c)).collect()
}
