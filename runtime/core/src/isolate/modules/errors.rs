//! Errors of resolving and loading modules, with remedies.
//!
//! Each error names the specifier and the importing file. They reach JavaScript, so each has an error class and, where
//! Node has one, its `code`.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use deno_runtime::deno_core::ModuleLoadReferrer;
use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_permissions::PermissionCheckError;

use crate::crash;
use crate::typescript::project::ProjectError;
use crate::typescript::transpile::panic_text;

/// Node's code for a missing module; programs match on it.
const NOT_FOUND: &str = "ERR_MODULE_NOT_FOUND";
const UNKNOWN_EXTENSION: &str = "ERR_UNKNOWN_FILE_EXTENSION";

#[derive(Debug, thiserror::Error, deno_error::JsError)]
pub(crate) enum LoadError {
    #[class(type)]
    #[error("'{}' is not an absolute UTF-8 path, which a script's path has to be", .0.display())]
    Entry(PathBuf),

    #[class(type)]
    #[property("code" = NOT_FOUND)]
    #[error("Cannot find module '{module}'{from}{hint}")]
    NotFound { module: String, from: ImportedFrom, hint: String },

    #[class(type)]
    #[property("code" = "ERR_UNSUPPORTED_DIR_IMPORT")]
    #[error("Directory import '{module}' is not supported resolving ES modules{from}{hint}")]
    Directory { module: String, from: ImportedFrom, hint: String },

    #[class(type)]
    #[error("Cannot read module '{module}'{from}: {source}")]
    Read {
        module: String,
        from: ImportedFrom,
        #[source]
        source: io::Error,
    },

    #[class(type)]
    #[property("code" = NOT_FOUND)]
    #[error(
        "Could not resolve \"{specifier}\"{from}\n  \
         No package of this name is in a node_modules folder there or above. \
         Is it installed? npm install {package}"
    )]
    NotInstalled { specifier: String, package: String, from: ImportedFrom },

    #[class(type)]
    #[property("code" = NOT_FOUND)]
    #[error(
        "Could not resolve \"{specifier}\"{from}\n  \
         No file is where \"{pattern}\" in '{file}' says, and no package has this name. \
         Correct the specifier, or \"paths\""
    )]
    NoPath { specifier: String, from: ImportedFrom, pattern: String, file: String },

    #[class(inherit)]
    #[error(transparent)]
    Project(#[from] ProjectError),

    #[class(type)]
    #[error("Could not resolve \"{specifier}\"{from}: {reason}")]
    Package { specifier: String, from: ImportedFrom, reason: String },

    #[class(type)]
    #[property("code" = "ERR_UNKNOWN_BUILTIN_MODULE")]
    #[error("No such built-in module: {specifier}{from}")]
    UnknownBuiltin { specifier: String, from: ImportedFrom },

    #[class(type)]
    #[property("code" = NOT_FOUND)]
    #[error(
        "Could not resolve \"{specifier}\"{from}\n  \
         No package of this name is installed, and the built-in module needs its scheme: \
         import \"node:{specifier}\""
    )]
    SchemeMissing { specifier: String, from: ImportedFrom },

    #[class(type)]
    #[property("code" = "ERR_UNSUPPORTED_ESM_URL_SCHEME")]
    #[error("Cannot import \"{specifier}\"{from}: {}", remedy(scheme))]
    Scheme { specifier: String, scheme: String, from: ImportedFrom },

    #[class(type)]
    #[error("Invalid module specifier \"{specifier}\"{from}: {reason}")]
    Specifier { specifier: String, from: ImportedFrom, reason: String },

    #[class(type)]
    #[error(
        "Cannot import \"{specifier}\"{from}: a bundle must be self-contained. \
         Only \"node:\" built-ins may stay external; bundle everything else into it"
    )]
    NotInBundle { specifier: String, from: ImportedFrom },

    #[class(type)]
    #[property("code" = UNKNOWN_EXTENSION)]
    #[error("Unknown file extension \"{extension}\" for '{module}'{from}: {}", unknown(extension))]
    UnknownExtension { module: String, extension: String, from: ImportedFrom },

    #[class(type)]
    #[property("code" = "ERR_UNKNOWN_MODULE_FORMAT")]
    #[error(
        "Cannot import {module}{from}: its MIME type \"{mime}\" is not that of a module. \
         Give it \"text/javascript\", or import it with {{ type: \"text\" }}"
    )]
    UnknownFormat { module: &'static str, mime: String, from: ImportedFrom },

    #[class(type)]
    #[property("code" = UNKNOWN_EXTENSION)]
    #[error(
        "Cannot import '{module}'{from}: a {kind} file is not a module. \
         Import its text with {{ type: \"text\" }}, or read it with node:fs"
    )]
    NotAModule { module: String, kind: &'static str, from: ImportedFrom },

    #[class(type)]
    #[property("code" = "ERR_IMPORT_ATTRIBUTE_MISSING")]
    #[error(
        "Cannot import '{module}'{from}: a JSON module has to be imported with {{ type: \"json\" }}"
    )]
    JsonAttribute { module: String, from: ImportedFrom },

    #[class(type)]
    #[error("Expected a JSON module, but '{module}'{from} is not a .json file")]
    NotJson { module: String, from: ImportedFrom },

    #[class(type)]
    #[property("code" = "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING")]
    #[error(
        "Stripping types is not supported for files under node_modules: '{module}'{from}. \
         The package has to ship JavaScript"
    )]
    TypesInPackage { module: String, from: ImportedFrom },

    #[class("NotSupported")]
    #[error("An embedded process can have at most {limit} workers at once")]
    TooManyWorkers { limit: usize },

    #[class(generic)]
    #[error("Cannot import \"{specifier}\": the process is being ended")]
    Ending { specifier: String },

    #[class(inherit)]
    #[error(transparent)]
    Denied(#[from] PermissionCheckError),

    #[class(generic)]
    #[error("the module loader failed at \"{specifier}\": {reason}")]
    Internal { specifier: String, reason: String },
}

/// The location of an import; empty for the main module.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImportedFrom(Option<String>);

impl ImportedFrom {
    pub(super) fn url(referrer: &Url) -> Self {
        // A data: URL contains its whole source text.
        Self(Some(match referrer.scheme() {
            "data" => "a data: URL".to_owned(),
            _ => format!("'{referrer}'"),
        }))
    }

    pub(super) fn line(referrer: &ModuleLoadReferrer) -> Self {
        let ModuleLoadReferrer { specifier, line_number, column_number } = referrer;
        match specifier.scheme() {
            "data" => Self::url(specifier),
            _ => Self(Some(format!("'{specifier}:{line_number}:{column_number}'"))),
        }
    }
}

impl std::fmt::Display for ImportedFrom {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(from) => write!(formatter, " imported from {from}"),
            None => Ok(()),
        }
    }
}

fn remedy(scheme: &str) -> String {
    match scheme {
        "http" | "https" => "modules are not fetched from the network. \
            Bundle it into the script, or install it from npm"
            .to_owned(),
        "jsr" => "JSR packages are not fetched from the network. \
            Install it through npm (npx jsr add @scope/name), or bundle it into the script"
            .to_owned(),
        "blob" => "blob: modules are not supported; a data: URL is".to_owned(),
        // A drive letter parses as a scheme.
        one if one.len() == 1 => "an absolute path has to be a file: URL".to_owned(),
        other => format!("\"{other}:\" is not a scheme modules can be loaded from"),
    }
}

/// The remedy for a file whose extension does not determine its format.
fn unknown(extension: &str) -> &'static str {
    match extension {
        ".node" => {
            "it is a native addon, which cannot run inside the app's process. \
             Run this backend on a child runtime: runtime \"node\", \"deno\" or \"bun\""
        }
        _ => {
            "JavaScript is loaded from .js, .mjs and .cjs files. \
             Rename the file, import its text with { type: \"text\" }, or load it with require()"
        }
    }
}

/// Runs `work` and turns a panic into an error.
///
/// V8 calls the loader, and a panic that unwinds through V8 aborts the application. Deno's resolver and parser panic on
/// some inputs that a script can choose.
pub(super) fn guard<T, E>(
    specifier: &str,
    work: impl FnOnce() -> Result<T, E>,
    wrap: impl FnOnce(LoadError) -> E,
) -> Result<T, E> {
    crash::catch_panic(work).unwrap_or_else(|panic| {
        let reason = panic_text(&*panic);
        Err(wrap(LoadError::Internal { specifier: specifier.to_owned(), reason }))
    })
}

const EXTENSIONS: [&str; 9] =
    [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"];

/// The error for a file that could not be read, with a suggestion. The script must have been allowed to read `path`,
/// because this looks for similar files.
pub(super) fn read_error(
    url: &Url,
    path: &Path,
    from: &ImportedFrom,
    source: io::Error,
) -> LoadError {
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

/// The name of a file in the same folder that differs only in its extension.
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
