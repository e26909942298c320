//! A scope entry, made ready for matching.

use globset::{GlobBuilder, GlobMatcher};
use tauri::ipc::ScopeObject;
use tauri::utils::acl::Value;
use tauri::{AppHandle, Runtime};

use super::entry::{Entry, Patterns};
use super::script::Folder;
use super::variables::Variables;
use super::wildcard::Wildcard;
use crate::error::Error;
use crate::paths;

/// One entry of a capability.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(super) entry: Entry,
    name: Wildcard,
    /// Where scripts may lie, and which.
    pub(super) scripts: Option<(Folder, GlobMatcher)>,
    pub(super) bundled: Option<Wildcard>,
    /// Where the working directory may lie.
    pub(super) cwd: Option<Folder>,
    pub(super) args: Matcher,
    pub(super) env: Variables,
}

/// Patterns, ready to match.
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
        Self::new(entry, |path| paths::resolve(app, path))
    }
}

impl Rule {
    /// `resolve` finds folders given with variables; `None` asks for the folder of scripts.
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
            super::granted::check(permissions)?;
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

    pub(super) fn covers(&self, name: &str, is_declared: bool) -> bool {
        self.name.is_match(name) && (is_declared || !self.entry.declared)
    }
}

/// `*` stands for any characters within a folder's or file's name, `**` for any folders.
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
    fn a_star_stays_in_its_folder_and_two_do_not() {
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
}
