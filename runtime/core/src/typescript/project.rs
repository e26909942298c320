//! The project files that configure a script's modules: `tsconfig.json`, `deno.json` and import maps.
//!
//! As in bundlers, the nearest file above a module applies to it; none applies to packages. The files belong to the
//! application, like `package.json`: they are read without a permission, and scripts do not see their text. Each
//! folder is read once.

mod compiler_options;
mod deno_json;
mod error;
mod file;
mod paths;
mod tsconfig;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use deno_ast::TranspileOptions;
use deno_runtime::deno_core::url::Url;

use self::deno_json::DenoJson;
pub(crate) use self::error::ProjectError;
use self::paths::Paths;
pub(crate) use self::paths::Target;
use self::tsconfig::TsConfig;
use crate::typescript::transpile;

/// The configuration of the modules in one folder.
pub(crate) struct Project {
    /// The nearest file first, then those of its workspaces. They contain the import maps.
    deno: Vec<Rc<DenoJson>>,
    paths: Paths,
    pub(crate) options: TranspileOptions,
}

impl Default for Project {
    fn default() -> Self {
        Self { deno: Vec::new(), paths: Paths::default(), options: transpile::options() }
    }
}

impl Project {
    /// Resolves a specifier by the import maps.
    pub(crate) fn mapped(
        &self,
        specifier: &str,
        referrer: &Url,
    ) -> Result<Option<Url>, ProjectError> {
        for deno in &self.deno {
            if let Some(url) = deno.resolve(specifier, referrer)? {
                return Ok(Some(url));
            }
        }
        Ok(None)
    }

    /// Resolves a bare specifier by `paths` and `baseUrl`. Files that `may_look` refuses are not searched.
    pub(crate) fn path(&self, specifier: &str, may_look: &dyn Fn(&Path) -> bool) -> Option<Target> {
        self.paths.find(specifier, may_look)
    }
}

type Found = Result<Rc<Project>, ProjectError>;

/// The projects of a script's modules, cached by folder.
pub(crate) struct Projects {
    /// `false` for a script without a folder.
    has_any: bool,
    folders: RefCell<HashMap<PathBuf, Found>>,
    files: RefCell<Files>,
}

/// The files found in single folders.
#[derive(Default)]
struct Files {
    tsconfig: HashMap<PathBuf, Option<Result<Rc<TsConfig>, ProjectError>>>,
    deno: HashMap<PathBuf, Option<Result<Rc<DenoJson>, ProjectError>>>,
}

impl Projects {
    pub(crate) fn new(has_any: bool) -> Self {
        Self { has_any, folders: RefCell::default(), files: RefCell::default() }
    }

    /// The project of a module outside of packages.
    pub(crate) fn of(&self, module: &Url) -> Found {
        let path = module.to_file_path().ok().filter(|_| self.has_any);
        match path.as_deref().and_then(Path::parent) {
            Some(folder) => self.of_folder(folder),
            None => Ok(Rc::default()),
        }
    }

    fn of_folder(&self, folder: &Path) -> Found {
        if let Some(found) = self.folders.borrow().get(folder) {
            return found.clone();
        }
        let found = self.files.borrow_mut().project(folder).map(Rc::new);
        self.folders.borrow_mut().insert(folder.to_owned(), found.clone());
        found
    }
}

impl Files {
    fn project(&mut self, folder: &Path) -> Result<Project, ProjectError> {
        let mut deno = Vec::new();
        let mut options = None;
        let mut paths = Paths::default();
        let mut has_paths = false;
        for at in folder.ancestors() {
            if let Some(found) = self.deno_json(at)? {
                // Above the nearest file only workspaces apply.
                if deno.is_empty() || found.is_workspace() {
                    options = options.or_else(|| found.compiler_options.clone());
                    if !has_paths && let Some(found) = &found.paths {
                        has_paths = true;
                        paths = found.clone();
                    }
                    deno.push(found);
                }
            }
            if !has_paths && let Some(found) = self.tsconfig(at)? {
                has_paths = true;
                options = options.or_else(|| Some(found.compiler_options.clone()));
                paths = found.paths.clone();
            }
        }
        let options = match options {
            Some(options) => options.transpile_options()?,
            None => transpile::options(),
        };
        Ok(Project { deno, paths, options })
    }

    fn tsconfig(&mut self, folder: &Path) -> Result<Option<Rc<TsConfig>>, ProjectError> {
        let found = self.tsconfig.entry(folder.to_owned()).or_insert_with(|| {
            let path = folder.join("tsconfig.json");
            path.is_file().then(|| TsConfig::read(&path).map(Rc::new))
        });
        found.clone().transpose()
    }

    fn deno_json(&mut self, folder: &Path) -> Result<Option<Rc<DenoJson>>, ProjectError> {
        let found = self.deno.entry(folder.to_owned()).or_insert_with(|| {
            let names = ["deno.json", "deno.jsonc"].map(|name| folder.join(name));
            let path = names.into_iter().find(|path| path.is_file())?;
            Some(DenoJson::read(&path).map(Rc::new))
        });
        found.clone().transpose()
    }
}
