//! Why a file could not be read, and what was probably meant.
//!
//! Only runs once reading has failed and was allowed, so that it may look around on the disk.

use std::io::{Error, ErrorKind};
use std::path::Path;

use deno_runtime::deno_core::url::Url;

use super::errors::{ImportedFrom, LoadError};

const EXTENSIONS: [&str; 9] =
    [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"];

pub(super) fn explain(url: &Url, path: &Path, from: &ImportedFrom, source: Error) -> LoadError {
    let (module, from) = (url.to_string(), from.clone());
    if path.is_dir() {
        let index = EXTENSIONS.iter().map(|extension| format!("index{extension}"));
        let hint = first_file(path, index)
            .map(|index| format!("{}/{index}", url.as_str().trim_end_matches('/')));
        return LoadError::Directory { module, from, hint: did_you_mean(hint) };
    }
    if source.kind() != ErrorKind::NotFound {
        return LoadError::Read { module, from, source };
    }
    let hint = similar(path).and_then(|name| url.join(&name).ok()).map(String::from);
    LoadError::NotFound { module, from, hint: did_you_mean(hint) }
}

/// The name of a file beside the missing one that differs in its extension only.
fn similar(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let stem = path.file_stem()?.to_str()?;
    let appended = EXTENSIONS.iter().map(|extension| format!("{name}{extension}"));
    let replaced = EXTENSIONS.iter().map(|extension| format!("{stem}{extension}"));
    first_file(folder, appended.chain(replaced))
}

fn first_file(folder: &Path, mut names: impl Iterator<Item = String>) -> Option<String> {
    names.find(|name| folder.join(name).is_file())
}

fn did_you_mean(hint: Option<String>) -> String {
    hint.map(|hint| format!("\n  Did you mean '{hint}'?")).unwrap_or_default()
}
