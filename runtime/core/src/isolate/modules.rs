//! The modules of one isolate: what a specifier means, and the source behind it.
//!
//! Two kinds of script are served. A bundle is one ES module from memory that may import built-ins
//! only. A file is run with everything Deno gives it that needs no network: TypeScript, JSX, JSON,
//! WebAssembly, `CommonJS`, and the packages in `node_modules`.
//!
//! Must not reach for the network, must not read what the permissions forbid, and must not panic:
//! V8 calls in here, and unwinding through it aborts the application.

mod access;
mod bundle;
mod commonjs;
mod compiled;
mod errors;
mod hooks;
mod installed;
mod missing;
pub(crate) mod native_addons;
mod rejection;
mod require;
mod resolve;
mod shared;
mod source;
mod specifier;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use deno_error::{JsErrorBox, JsErrorClass};
use deno_resolver::npm::{DenoInNpmPackageChecker, NpmResolver};
use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_core::{
    ModuleLoadOptions, ModuleLoadReferrer, ModuleLoadResponse, ModuleLoader, ModuleSource,
    ModuleSourceCode, ModuleType, OpState, ResolutionKind,
};
use deno_runtime::deno_node::NodeExtInitServices;
use deno_runtime::deno_permissions::{PermissionCheckError, PermissionsContainer};
use deno_runtime::deno_web::Blob;

use self::commonjs::CommonJs;
use self::errors::ImportedFrom;
pub(crate) use self::errors::LoadError;
use self::hooks::Hooks;
pub(super) use self::hooks::{op_host_register_hooks, op_host_without_hooks};
pub(super) use self::installed::package_name;
pub(super) use self::require::{op_host_require_resolve_exports, op_host_require_try_self};
use self::resolve::Packages;
pub(super) use self::shared::Place;
use crate::isolate::sandbox::permissions::Writable;

/// The file system and the environment as the resolver sees them.
pub(crate) type Sys = sys_traits::impls::RealSys;

/// What the isolate runs.
pub(crate) enum Entry {
    /// A script on the disk, by its absolute path.
    File(PathBuf),
    /// One ES module that is part of the application.
    Bundled { name: String, source: Arc<str> },
}

impl Entry {
    /// Where the script lies; a bundle lies nowhere.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(path) => path.parent(),
            Self::Bundled { .. } => None,
        }
    }

    fn address(&self) -> Result<Url, LoadError> {
        match self {
            Self::File(path) => {
                // The resolver panics on paths that are not UTF-8.
                let url = path.to_str().and_then(|path| Url::from_file_path(path).ok());
                // Parsing removes `..`, as V8's copy of the address will have it.
                let url = url.and_then(|url| Url::parse(url.as_str()).ok());
                url.ok_or_else(|| LoadError::Entry(path.clone()))
            }
            Self::Bundled { name, .. } => bundle::address(name),
        }
    }
}

/// What a worker of a script runs.
pub(super) struct WorkerEntry {
    pub(super) main: Url,
    /// What is behind `main`, where that is a blob.
    pub(super) blob: Option<Arc<Blob>>,
    /// The permissions of whoever started it.
    pub(super) parent: PermissionsContainer,
    /// It is not to run: there are as many as there may be.
    pub(super) most: Option<usize>,
    /// Told why it cannot run: the engine keeps to itself that a module could not be loaded.
    pub(super) failed: fn(&str),
}

impl WorkerEntry {
    fn reporting(&self, response: ModuleLoadResponse) -> ModuleLoadResponse {
        let failed = self.failed;
        let tell = move |loaded: Result<ModuleSource, JsErrorBox>| {
            loaded.inspect_err(|error| failed(&format!("{}: {error}", error.get_class())))
        };
        match response {
            ModuleLoadResponse::Sync(loaded) => ModuleLoadResponse::Sync(tell(loaded)),
            ModuleLoadResponse::Async(loading) => {
                ModuleLoadResponse::Async(Box::pin(async move { tell(loading.await) }))
            }
        }
    }
}

/// The modules of one isolate. Lives on its thread.
pub(crate) struct Modules {
    loader: Rc<Loader>,
}

impl Modules {
    pub(crate) fn new(
        entry: &Entry,
        permissions: PermissionsContainer,
        writable: Writable,
    ) -> Result<Self, LoadError> {
        let main = entry.address()?;
        let file = access::main_file(entry, &writable);
        let loader = Loader::new(main.clone(), entry, permissions, writable)?;
        loader.loaded.borrow_mut().extend(file.map(|file| (main, file)));
        Ok(Self { loader: Rc::new(loader) })
    }

    /// Those of a worker that the script `entry` started.
    pub(super) fn for_worker(
        entry: &Entry,
        worker: WorkerEntry,
        permissions: PermissionsContainer,
        writable: Writable,
    ) -> Result<Self, LoadError> {
        let loader = Loader::new(worker.main.clone(), entry, permissions, writable)?;
        Ok(Self { loader: Rc::new(Loader { worker: Some(worker), ..loader }) })
    }

    /// The address of the main module. It is a `file:` URL for a bundle too.
    pub(crate) fn main_module(&self) -> &Url {
        &self.loader.main
    }

    pub(crate) fn loader(&self) -> Rc<dyn ModuleLoader> {
        let place = Place::default();
        place.take(self);
        place.loader()
    }

    /// Puts in place what `module.registerHooks()` works on.
    pub(super) fn install(&self, state: &mut OpState) {
        self.loader.install_hooks(state);
    }

    pub(crate) fn node_services(
        &self,
    ) -> NodeExtInitServices<DenoInNpmPackageChecker, NpmResolver<Sys>, Sys> {
        NodeExtInitServices {
            node_require_loader: self.loader.clone(),
            node_resolver: self.loader.packages.node.clone(),
            pkg_json_resolver: self.loader.packages.package_json.clone(),
            sys: Sys::default(),
        }
    }
}

struct Loader {
    main: Url,
    hooks: Hooks,
    /// The application's own module and its address, if that is what the process runs.
    bundle: Option<(Url, Arc<str>)>,
    permissions: PermissionsContainer,
    worker: Option<WorkerEntry>,
    packages: Packages,
    commonjs: CommonJs,
    /// What was loaded from the disk, with the real paths of the files. Its source may be shown and
    /// required.
    loaded: RefCell<HashMap<Url, PathBuf>>,
    /// Source maps of what was transpiled.
    maps: RefCell<HashMap<Url, String>>,
    /// Who asked for a module by `import()`; the engine does not pass that on to `load`.
    dynamic: RefCell<HashMap<Url, Url>>,
}

impl Loader {
    fn new(
        main: Url,
        entry: &Entry,
        permissions: PermissionsContainer,
        writable: Writable,
    ) -> Result<Self, LoadError> {
        let bundle = match entry {
            Entry::File(_) => None,
            Entry::Bundled { source, .. } => Some((entry.address()?, without_mark(source))),
        };
        let packages = Packages::new(entry.folder(), writable);
        let commonjs = CommonJs::new(&packages);
        Ok(Self {
            main,
            hooks: Hooks::default(),
            bundle,
            permissions,
            worker: None,
            packages,
            commonjs,
            loaded: RefCell::default(),
            maps: RefCell::default(),
            dynamic: RefCell::default(),
        })
    }

    fn keep_map(&self, url: &Url, map: Option<String>) {
        if let Some(map) = map {
            self.maps.borrow_mut().insert(url.clone(), map);
        }
    }

    fn resolve(
        &self,
        specifier: &str,
        referrer: &str,
        kind: ResolutionKind,
    ) -> Result<Url, LoadError> {
        if matches!(kind, ResolutionKind::MainModule) && specifier == self.main.as_str() {
            return Ok(self.main.clone());
        }
        // Scripts without an address (eval, `new Function`) import as the main module does.
        let referrer = Url::parse(referrer).unwrap_or_else(|_| self.main.clone());
        // The engine's own modules, which import each other.
        if matches!(referrer.scheme(), "ext" | "node")
            && let Ok(url) = Url::parse(specifier)
        {
            return Ok(url);
        }
        self.may_ask(&referrer)?;
        let url = self.packages.resolve(specifier, &referrer, &|path| self.may_look(path));
        match (&self.bundle, url) {
            (Some((bundle, _)), Ok(url))
                if matches!(url.scheme(), "node" | "data") || url == *bundle =>
            {
                Ok(url)
            }
            (Some(_), Err(error @ LoadError::UnknownBuiltin { .. })) => Err(error),
            (Some(_), _) => Err(LoadError::NotInBundle {
                specifier: specifier.to_owned(),
                from: ImportedFrom::url(&referrer),
            }),
            (None, url) => url,
        }
    }

    /// A script from `node:vm` may say that it lies anywhere, and where it lies decides which
    /// `package.json` is read for it.
    fn may_ask(&self, referrer: &Url) -> Result<(), PermissionCheckError> {
        let is_known = self.bundle.is_some()
            || *referrer == self.main
            || self.loaded.borrow().contains_key(referrer);
        match referrer.to_file_path() {
            Ok(path) if !is_known => self.may_import(&path).map(drop),
            _ => Ok(()),
        }
    }

    fn imported_from(&self, url: &Url, referrer: Option<&ModuleLoadReferrer>) -> ImportedFrom {
        let dynamic = self.dynamic.borrow_mut().remove(url);
        match (referrer, dynamic) {
            (Some(referrer), _) => ImportedFrom::line(referrer),
            (None, Some(referrer)) => ImportedFrom::url(&referrer),
            (None, None) => ImportedFrom::default(),
        }
    }

    fn load(
        self: &Rc<Self>,
        url: &Url,
        referrer: Option<&ModuleLoadReferrer>,
        options: &ModuleLoadOptions,
    ) -> ModuleLoadResponse {
        let response = self.load_any(url, referrer, options);
        match &self.worker {
            // What was imported by `import()` is the script's to see.
            Some(worker) if !options.is_dynamic_import => worker.reporting(response),
            _ => response,
        }
    }

    fn load_any(
        self: &Rc<Self>,
        url: &Url,
        referrer: Option<&ModuleLoadReferrer>,
        options: &ModuleLoadOptions,
    ) -> ModuleLoadResponse {
        #[cfg(test)]
        crate::isolate::crash::panics::in_loader(url);
        let from = self.imported_from(url, referrer);
        if let Some(most) = self.worker.as_ref().and_then(|worker| worker.most) {
            let error = JsErrorBox::from_err(LoadError::TooManyWorkers { most });
            return ModuleLoadResponse::Sync(Err(error));
        }
        if let Some(blob) = self.blob(url) {
            return source::load_blob(self, url, blob);
        }
        match &self.bundle {
            Some((bundle, source)) if url == bundle => {
                let code = ModuleSourceCode::String(source.clone().into());
                ModuleLoadResponse::Sync(Ok(ModuleSource::new(
                    ModuleType::JavaScript,
                    code,
                    url,
                    None,
                )))
            }
            Some(_) if url.scheme() != "data" => {
                ModuleLoadResponse::Sync(Err(JsErrorBox::from_err(LoadError::NotInBundle {
                    specifier: url.to_string(),
                    from,
                })))
            }
            _ => source::load(self, url, &from, options),
        }
    }

    /// What a worker runs that was started from a blob.
    fn blob(&self, url: &Url) -> Option<Arc<Blob>> {
        let worker = self.worker.as_ref().filter(|worker| worker.main == *url)?;
        worker.blob.clone()
    }
}

fn without_mark(source: &Arc<str>) -> Arc<str> {
    source.strip_prefix(source::MARK).map_or_else(|| source.clone(), Arc::from)
}
