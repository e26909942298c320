//! `paths` and `baseUrl`: aliases for a project's files.
//!
//! As in bundlers, and unlike in Node, the extension or `index` may be omitted.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use path_clean::clean;

/// Extensions that may be omitted, in TypeScript's order.
const EXTENSIONS: [&str; 9] = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs", "json"];

/// The target of an alias.
pub(crate) enum Target {
    File(PathBuf),
    /// `pattern` in `file` matches, and its target does not exist.
    Missing {
        pattern: String,
        file: String,
    },
}

#[derive(Clone, Default)]
pub(super) struct Paths {
    patterns: Rc<[Pattern]>,
    base: Option<PathBuf>,
    /// The file with these options.
    file: String,
}

struct Pattern {
    /// As written, such as `@/*`.
    key: String,
    targets: Vec<PathBuf>,
}

impl Pattern {
    /// The text in place of the star, and the length of the pattern before the star.
    fn matched<'a>(&self, specifier: &'a str) -> Option<(&'a str, usize)> {
        match self.key.split_once('*') {
            None => (specifier == self.key).then_some(("", usize::MAX)),
            Some((before, after)) => {
                let rest = specifier.strip_prefix(before)?;
                Some((rest.strip_suffix(after)?, before.len()))
            }
        }
    }
}

impl Paths {
    /// `patterns` are keys with their targets.
    pub(super) fn new(
        patterns: Vec<(String, Vec<PathBuf>)>,
        base: Option<PathBuf>,
        file: String,
    ) -> Self {
        let patterns = patterns.into_iter().map(|(key, targets)| Pattern { key, targets });
        Self { patterns: patterns.collect(), base, file }
    }

    /// If no file is found, returns a file that `may_look` refused: loading it then fails with the same error whether
    /// it exists or not.
    pub(super) fn find(&self, specifier: &str, may_look: &dyn Fn(&Path) -> bool) -> Option<Target> {
        let matches = self.patterns.iter().filter_map(|pattern| {
            let (inserted, fixed) = pattern.matched(specifier)?;
            Some((fixed, pattern, inserted))
        });
        let best = matches.max_by_key(|(fixed, ..)| *fixed);
        let missing = best.map(|(_, pattern, inserted)| {
            let mut paths = pattern.targets.iter().map(|target| clean(insert(target, inserted)));
            let found = paths.clone().find_map(|path| probe(&path, may_look));
            match found.or_else(|| paths.find(|path| !may_look(path))) {
                Some(path) => Target::File(path),
                None => Target::Missing { pattern: pattern.key.clone(), file: self.file.clone() },
            }
        });
        match missing {
            Some(found @ Target::File(_)) => Some(found),
            missing => {
                let path = self.base.as_ref().map(|base| base.join(specifier));
                let base = path.and_then(|path| probe(&path, may_look));
                base.map(Target::File).or(missing)
            }
        }
    }
}

fn insert(target: &Path, inserted: &str) -> PathBuf {
    match target.to_str() {
        // A target has at most one star.
        Some(text) => PathBuf::from(text.replacen('*', inserted, 1)),
        None => target.to_owned(),
    }
}

/// The file for a path without its extension or without `index`.
fn probe(path: &Path, may_look: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    // A module must have one name: its name decides what it may import.
    let path = &clean(path);
    let with = |extension: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(extension);
        PathBuf::from(name)
    };
    let exact = std::iter::once(path.to_owned());
    let appended = EXTENSIONS.iter().map(|extension| with(extension));
    let index = EXTENSIONS.iter().map(|extension| path.join(format!("index.{extension}")));
    let mut candidates = exact.chain(appended).chain(source_of(path)).chain(index);
    candidates.find(|path| may_look(path) && path.is_file() && !is_declaration(path))
}

/// Whether a file contains only types.
fn is_declaration(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    [".d.ts", ".d.mts", ".d.cts"].iter().any(|end| name.ends_with(end))
}

/// TypeScript imports files by the names of their compiled files.
fn source_of(path: &Path) -> impl Iterator<Item = PathBuf> {
    let extensions: &[&str] = match path.extension().and_then(|extension| extension.to_str()) {
        Some("js") => &["ts", "tsx"],
        Some("jsx") => &["tsx"],
        Some("mjs") => &["mts"],
        Some("cjs") => &["cts"],
        _ => &[],
    };
    extensions.iter().map(|extension| path.with_extension(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_pattern_applies() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for file in ["all.ts", "lib-x.mts", "one.js", "dir/index.tsx", "types.d.ts", "real.js"] {
            std::fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            std::fs::write(at(file), "").unwrap();
        }
        let pattern = |key: &str, target: &str| (key.to_owned(), vec![at("none"), at(target)]);
        let patterns = vec![
            pattern("*", "*"),
            pattern("@/*", "*"),
            pattern("@/lib/*", "lib-*"),
            pattern("@/lib/one", "one"),
            pattern("~*.x", "*"),
            ("typed".to_owned(), vec![at("types.d.ts"), at("real.js")]),
            pattern("up", "dir/../all"),
        ];
        let paths = Paths::new(patterns, None, "tsconfig.json".to_owned());
        let found = |specifier: &str| match paths.find(specifier, &|_| true) {
            Some(Target::File(path)) => {
                path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned()
            }
            Some(Target::Missing { pattern, .. }) => format!("missing by {pattern}"),
            None => "none".to_owned(),
        };
        assert_eq!(found("all"), "all.ts");
        assert_eq!(found("all.ts"), "all.ts");
        assert_eq!(found("all.js"), "all.ts");
        assert_eq!(found("@/all"), "all.ts");
        assert_eq!(found("@/dir"), "dir/index.tsx");
        assert_eq!(found("@/lib/x"), "lib-x.mts");
        assert_eq!(found("@/lib/one"), "one.js");
        assert_eq!(found("@/lib/two"), "missing by @/lib/*");
        assert_eq!(found("~all.x"), "all.ts");
        assert_eq!(found("typed"), "real.js");
        assert_eq!(found("types.d.ts"), "missing by *");
        assert_eq!(found("up"), "all.ts");
        assert_eq!(found("@/dir/../all"), "all.ts");
    }

    #[test]
    fn names_are_relative_to_the_base_url() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("util.ts"), "").unwrap();
        let paths = Paths::new(Vec::new(), Some(folder.path().to_owned()), String::new());
        assert!(
            matches!(paths.find("util", &|_| true), Some(Target::File(path)) if path.ends_with("util.ts"))
        );
        assert!(paths.find("other", &|_| true).is_none());
    }
}
