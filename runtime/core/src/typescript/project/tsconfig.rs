//! `tsconfig.json` and the files that it extends.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::compiler_options::CompilerOptions;
use super::error::ProjectError;
use super::file;
use super::paths::Paths;

/// The folder of the extending file.
const CONFIG_DIR: &str = "${configDir}";

pub(super) struct TsConfig {
    pub(super) compiler_options: CompilerOptions,
    pub(super) paths: Paths,
}

/// The paths of a file without `extends`.
pub(super) fn paths(options: &CompilerOptions, path: &Path) -> Result<Option<Paths>, ProjectError> {
    let merged = merged(options.clone(), path, &folder_of(path))?;
    let has_any = merged.base.is_some() || merged.paths.is_some();
    Ok(has_any.then(|| merged.paths(path, &folder_of(path))))
}

/// A file merged with the files that it extends.
#[derive(Default)]
struct Merged {
    options: CompilerOptions,
    base: Option<PathBuf>,
    paths: Option<WrittenPaths>,
}

/// `paths` as written, with their folder and file.
struct WrittenPaths {
    patterns: Vec<(String, Vec<String>)>,
    folder: PathBuf,
    file: String,
}

impl TsConfig {
    pub(super) fn read(path: &Path) -> Result<Self, ProjectError> {
        let root = folder_of(path);
        let mut merged = merge(path, &root, &mut Vec::new())?;
        let compiler_options = std::mem::take(&mut merged.options);
        Ok(Self { compiler_options, paths: merged.paths(path, &root) })
    }
}

impl Merged {
    /// `path` is the first file, in the folder `root`.
    fn paths(self, path: &Path, root: &Path) -> Paths {
        let name =
            self.paths.as_ref().map_or_else(|| file::name(path), |written| written.file.clone());
        let patterns = self.paths.map_or_else(Vec::new, |written| {
            let folder = self.base.as_deref().unwrap_or(&written.folder);
            let absolute = |targets: Vec<String>| {
                targets.iter().map(|target| join(folder, root, target)).collect()
            };
            written.patterns.into_iter().map(|(key, targets)| (key, absolute(targets))).collect()
        });
        Paths::new(patterns, self.base, name)
    }
}

/// Merges `path` with the files that it extends: its own options come first, then those of the last file in `extends`.
/// `reading` has the files that extend `path`.
fn merge(path: &Path, root: &Path, reading: &mut Vec<PathBuf>) -> Result<Merged, ProjectError> {
    let name = file::name(path);
    if reading.iter().any(|other| other == path) {
        return Err(ProjectError::Circle { file: name });
    }
    let object = file::object(path)?;
    let folder = folder_of(path);
    let options = CompilerOptions::new(name.clone(), object.get("compilerOptions"))?;
    let mut merged = merged(options, path, root)?;
    reading.push(path.to_owned());
    for target in extended(&name, object.get("extends"))?.into_iter().rev() {
        let other = find(&folder, target).ok_or_else(|| ProjectError::Extends {
            file: name.clone(),
            target: target.to_owned(),
        })?;
        let other = merge(&other, root, reading)?;
        merged.options.inherit(other.options);
        merged.base = merged.base.or(other.base);
        merged.paths = merged.paths.or(other.paths);
    }
    reading.pop();
    Ok(merged)
}

/// The options of the file `path` alone.
fn merged(options: CompilerOptions, path: &Path, root: &Path) -> Result<Merged, ProjectError> {
    let folder = folder_of(path);
    let base = options.string("baseUrl")?.map(|base| join(&folder, root, base));
    let paths = patterns(&options)?;
    let paths = paths.map(|patterns| WrittenPaths { patterns, folder, file: file::name(path) });
    Ok(Merged { options, base, paths })
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// `path` relative to `folder`, without `..`.
fn join(folder: &Path, root: &Path, path: &str) -> PathBuf {
    let joined = match path.strip_prefix(CONFIG_DIR) {
        Some(rest) => root.join(rest.trim_start_matches('/')),
        None => folder.join(path),
    };
    path_clean::clean(joined)
}

fn extended<'a>(name: &str, value: Option<&'a Value>) -> Result<Vec<&'a str>, ProjectError> {
    let wrong = || ProjectError::Option {
        file: name.to_owned(),
        option: "extends",
        expected: "a string or a list of strings",
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(list)) => {
            list.iter().map(|entry| entry.as_str().ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

type Patterns = Vec<(String, Vec<String>)>;

fn patterns(options: &CompilerOptions) -> Result<Option<Patterns>, ProjectError> {
    let wrong = || options.wrong("paths", "an object of lists of strings");
    let Some(value) = options.get("paths") else { return Ok(None) };
    let entries = value.as_object().ok_or_else(wrong)?.iter();
    let read = entries.map(|(key, targets)| {
        let targets = targets.as_array().ok_or_else(wrong)?.iter();
        let targets = targets.map(|target| target.as_str().map(str::to_owned).ok_or_else(wrong));
        Ok((key.clone(), targets.collect::<Result<_, _>>()?))
    });
    read.collect::<Result<_, _>>().map(Some)
}

/// The file that `extends` names: a path or a package.
fn find(folder: &Path, target: &str) -> Option<PathBuf> {
    let is_path = Path::new(target).is_absolute() || target.starts_with('.');
    if is_path {
        return with_extension(&join(folder, folder, target));
    }
    let installed = folder.ancestors().map(|at| at.join("node_modules").join(target));
    installed.into_iter().find_map(|path| in_package(&path))
}

fn with_extension(path: &Path) -> Option<PathBuf> {
    let mut appended = path.as_os_str().to_owned();
    appended.push(".json");
    [path.to_owned(), PathBuf::from(appended)].into_iter().find(|path| path.is_file())
}

/// A package names its configuration in `package.json`; the default is `tsconfig.json`.
fn in_package(path: &Path) -> Option<PathBuf> {
    let named = || {
        let package = file::object(&path.join("package.json")).ok()?;
        let name = package.get("tsconfig")?.as_str()?;
        with_extension(&join(path, path, name))
    };
    with_extension(path).or_else(named).or_else(|| with_extension(&path.join("tsconfig.json")))
}
