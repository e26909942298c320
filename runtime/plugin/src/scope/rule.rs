//! A scope entry with compiled patterns and resolved folders.

use globset::{GlobBuilder, GlobMatcher};
use tauri::ipc::ScopeObject;
use tauri::utils::acl::Value;
use tauri::{AppHandle, Manager, Runtime};

use super::entry::{Entry, Patterns};
use super::intersect::check_permissions;
use super::path_scope::Folder;
use super::variables::Variables;
use crate::config::paths::ScriptRoot;
use crate::error::Error;

/// A compiled scope entry.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(super) entry: Entry,
    name: Wildcard,
    /// The folder of scripts, and the pattern of their paths in it.
    pub(super) scripts: Option<(Folder, GlobMatcher)>,
    pub(super) bundled: Option<Wildcard>,
    /// The folder of working directories.
    pub(super) cwd: Option<Folder>,
    pub(super) args: Matcher,
    pub(super) env: Variables,
}

/// Compiled [`Patterns`].
#[derive(Debug)]
pub(super) enum Matcher {
    All(bool),
    Some(Vec<Wildcard>),
}

impl Matcher {
    fn new(patterns: Option<&Patterns>) -> Self {
        match patterns {
            None => Self::All(false),
            Some(Patterns::All(all)) => Self::All(*all),
            Some(Patterns::Some(list)) => {
                Self::Some(list.iter().map(|text| Wildcard::new(text)).collect())
            }
        }
    }

    pub(super) fn allows(&self, text: &str) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Some(list) => list.iter().any(|pattern| pattern.is_match(text)),
        }
    }
}

impl ScopeObject for Rule {
    type Error = Error;

    fn deserialize<R: Runtime>(app: &AppHandle<R>, raw: Value) -> Result<Self, Error> {
        let entry: Entry = serde_json::from_value(raw.into()).map_err(|error| {
            Error::invalid(format!("a scope entry of a js permission: {error}"))
        })?;
        let script_root = app.state::<ScriptRoot>();
        Self::new(entry, |path| script_root.resolve(app, path))
    }
}

impl Rule {
    /// `resolve` makes paths absolute; `None` stands for the script root.
    pub(super) fn new(
        entry: Entry,
        resolve: impl Fn(Option<&str>) -> Result<std::path::PathBuf, Error>,
    ) -> Result<Self, Error> {
        let scripts = match &entry.script {
            Some(script) => {
                let folder = Folder::new(resolve(entry.root.as_deref())?);
                Some((folder, path_pattern(script)?))
            }
            None => None,
        };
        let cwd = match &entry.cwd {
            Some(cwd) => Some(Folder::new(resolve(Some(cwd))?)),
            None => None,
        };
        let env = Variables::new(&entry.env).map_err(|why| {
            let name = &entry.name;
            Error::invalid(format!("'env' of the entry '{name}' of a js permission {why}"))
        })?;
        if let Some(permissions) = &entry.permissions {
            check_permissions(permissions)?;
        }
        Ok(Self {
            name: Wildcard::new(&entry.name),
            args: Matcher::new(entry.args.as_ref()),
            env,
            scripts,
            bundled: entry.bundled.as_deref().map(Wildcard::new),
            cwd,
            entry,
        })
    }

    /// Whether the entry is about the process `name`.
    pub(super) fn covers(&self, name: &str, is_declared: bool) -> bool {
        self.name.is_match(name) && (is_declared || !self.entry.declared)
    }
}

/// A pattern for names, arguments and flags: `*` matches any characters, other characters are literal.
///
/// A pattern for paths would not do: on Windows it treats `\` as `/`, and would match text that the entry does
/// not name.
#[derive(Debug)]
pub(super) struct Wildcard {
    prefix: String,
    /// The literal text after each `*`, in order; empty without `*`.
    rest: Vec<String>,
}

impl Wildcard {
    pub(super) fn new(pattern: &str) -> Self {
        let mut parts = pattern.split('*').map(str::to_owned);
        // `split` yields at least one part.
        let prefix = parts.next().unwrap_or_default();
        Self { prefix, rest: parts.collect() }
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        let Some((suffix, middle)) = self.rest.split_last() else { return text == self.prefix };
        let Some(mut left) = text.strip_prefix(&self.prefix) else { return false };
        for part in middle {
            // The first occurrence leaves the most text for the other parts.
            let Some(at) = left.find(part.as_str()) else { return false };
            left = &left[at + part.len()..];
        }
        left.ends_with(suffix.as_str())
    }
}

/// Compiles a pattern for paths: `*` matches any characters but `/`, `**` any folders. Other characters are
/// literal.
fn path_pattern(text: &str) -> Result<GlobMatcher, Error> {
    let special = |c: char| matches!(c, '?' | '[' | ']' | '{' | '}' | '\\');
    let literal: String = text
        .chars()
        .flat_map(|c| special(c).then_some(['[', c, ']']).map_or(vec![c], Vec::from))
        .collect();
    let glob = GlobBuilder::new(&literal)
        .literal_separator(true)
        .backslash_escape(false)
        .build()
        .map_err(|error| {
        Error::invalid(format!("the pattern '{text}' of a scope entry: {error}"))
    })?;
    Ok(glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_matches_within_a_folder_and_two_across_folders() {
        for (text, path, expected) in [
            ("backends/*.ts", "backends/a.ts", true),
            ("backends/*.ts", "backends/deep/a.ts", false),
            ("backends/**/*.ts", "backends/deep/er/a.ts", true),
            ("backends/**", "backends/deep/a.ts", true),
            ("backends/*.ts", "a.ts", false),
            ("a[b]?{c}.ts", "a[b]?{c}.ts", true),
            ("a[b].ts", "ab.ts", false),
        ] {
            assert_eq!(path_pattern(text).expect(text).is_match(path), expected, "{text} {path}");
        }
    }

    #[test]
    fn a_star_matches_any_characters_and_the_rest_is_literal() {
        for (pattern, text, expected) in [
            ("worker-*", "worker-1", true),
            ("worker-*", "worker", false),
            ("*", "any/thing", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a[b]?{c}", "a[b]?{c}", true),
            ("a[b]", "ab", false),
            ("a?", "ab", false),
            ("!x", "!x", true),
            ("plain", "plain", true),
            ("plain", "plain-1", false),
            ("*.log", "a.log.log", true),
            ("*.log", "a.log.txt", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*bc*c", "abc", false),
            ("*größe*", "die größe 😀", true),
            ("a**b", "ab", true),
            ("a*\n", "a\n\n", true),
        ] {
            assert_eq!(Wildcard::new(pattern).is_match(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_slash_does_not_match_a_backslash() {
        for (pattern, text, expected) in [
            (r"a\b", r"a\b", true),
            (r"a\*", r"a\b\c", true),
            ("a/b", r"a\b", false),
            (r"a\b", "a/b", false),
            ("a/*", r"a\b", false),
        ] {
            assert_eq!(Wildcard::new(pattern).is_match(text), expected, "{pattern} {text}");
        }
    }
}
