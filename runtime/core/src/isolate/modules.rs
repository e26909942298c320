//! Resolves and loads the modules of one isolate.
//!
//! There are two kinds of script. A bundle is one ES module in memory that may import built-ins only. A file has all of
//! Deno's module support that needs no network: TypeScript, JSX, JSON, WebAssembly, `CommonJS`, and packages in
//! `node_modules`.
//!
//! This code must not use the network, must not read files without permission, and must not panic: V8 calls it, and
//! unwinding through V8 aborts the application.

mod access;
mod builtin_code_cache;
mod bundle;
mod bundle_code_cache;
mod commonjs;
mod errors;
mod hooks;
mod installed;
mod module_loader;
mod native_addons;
mod require;
mod resolve;
mod source;
mod specifier;
#[cfg(test)]
mod test_run;

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
    ModuleSourceCode, ModuleType, OpDecl, OpState, ResolutionKind,
};
use deno_runtime::deno_node::NodeExtInitServices;
use deno_runtime::deno_permissions::{PermissionCheckError, PermissionsContainer};
use deno_runtime::deno_web::Blob;

use self::commonjs::CommonJs;
use self::errors::ImportedFrom;
pub(crate) use self::errors::LoadError;
use self::hooks::Hooks;
use self::hooks::{op_host_register_hooks, op_host_without_hooks};
pub(super) use self::module_loader::LoaderSlot;
use self::require::{op_host_require_resolve_exports, op_host_require_try_self};
use self::resolve::Packages;
use crate::isolate::sandbox::permissions::Writable;

/// The resolver's access to the file system and the environment.
pub(crate) type Sys = sys_traits::impls::RealSys;

/// The script of a process.
pub(crate) enum Entry {
    /// The absolute path of a file.
    File(PathBuf),
    /// An ES module that is embedded in the application.
    Bundled { name: String, source: Arc<str> },
}

impl Entry {
    /// The folder of the script; `None` for a bundle, which has no path.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(path) => path.parent(),
            Self::Bundled { .. } => None,
        }
    }

    fn address(&self) -> Result<Url, LoadError> {
        match self {
            Self::File(path) => {
                // `to_str`: the resolver panics on paths that are not UTF-8.
                let url = path.to_str().and_then(|path| Url::from_file_path(path).ok());
                // Parsing removes `..`; V8 does the same to its copy of the URL.
                let url = url.and_then(|url| Url::parse(url.as_str()).ok());
                url.ok_or_else(|| LoadError::Entry(path.clone()))
            }
            Self::Bundled { name, .. } => bundle::address(name),
        }
    }
}

/// The script of a worker.
pub(super) struct WorkerEntry {
    pub(super) main: Url,
    /// The content of `main`, if that is a `blob:` URL.
    pub(super) blob: Option<Arc<Blob>>,
    /// The permissions of the script that started the worker.
    pub(super) parent: PermissionsContainer,
    /// The maximum number of workers, if this one exceeds it and must not run.
    pub(super) exceeded_limit: Option<usize>,
    /// Called if a module cannot be loaded, which the engine does not report.
    pub(super) on_error: fn(&str),
}

impl WorkerEntry {
    fn reporting(&self, response: ModuleLoadResponse) -> ModuleLoadResponse {
        let on_error = self.on_error;
        let report = move |loaded: Result<ModuleSource, JsErrorBox>| {
            loaded.inspect_err(|error| on_error(&format!("{}: {error}", error.get_class())))
        };
        match response {
            ModuleLoadResponse::Sync(loaded) => ModuleLoadResponse::Sync(report(loaded)),
            ModuleLoadResponse::Async(loading) => {
                ModuleLoadResponse::Async(Box::pin(async move { report(loading.await) }))
            }
        }
    }
}

/// The modules of one isolate, used on its thread.
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

    /// The modules of a worker that the script `entry` has started.
    pub(super) fn for_worker(
        entry: &Entry,
        worker: WorkerEntry,
        permissions: PermissionsContainer,
        writable: Writable,
    ) -> Result<Self, LoadError> {
        let loader = Loader::new(worker.main.clone(), entry, permissions, writable)?;
        Ok(Self { loader: Rc::new(Loader { worker: Some(worker), ..loader }) })
    }

    /// The URL of the main module; a `file:` URL for bundles too.
    pub(crate) fn main_module(&self) -> &Url {
        &self.loader.main
    }

    pub(crate) fn loader(&self) -> Rc<dyn ModuleLoader> {
        let slot = LoaderSlot::default();
        slot.set(self);
        slot.loader()
    }

    /// Installs the state of `module.registerHooks()`.
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
    /// URL and source of the bundle; `None` for a file.
    bundle: Option<(Url, Arc<str>)>,
    permissions: PermissionsContainer,
    worker: Option<WorkerEntry>,
    packages: Packages,
    commonjs: CommonJs,
    /// The resolved paths of files that were loaded. The script may require them and show their source.
    loaded: RefCell<HashMap<Url, PathBuf>>,
    /// Source maps of transpiled modules.
    maps: RefCell<HashMap<Url, String>>,
    /// The referrers of modules that `import()` loads, by module; the engine does not pass them to `load`.
    dynamic_referrers: RefCell<HashMap<Url, Url>>,
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
            Entry::Bundled { source, .. } => Some((entry.address()?, without_bom(source))),
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
            dynamic_referrers: RefCell::default(),
        })
    }

    fn store_map(&self, url: &Url, map: Option<String>) {
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
        // Code without a URL (`eval`, `new Function`) imports like the main module.
        let referrer = Url::parse(referrer).unwrap_or_else(|_| self.main.clone());
        // The engine's own modules import each other.
        if matches!(referrer.scheme(), "ext" | "node")
            && let Ok(url) = Url::parse(specifier)
        {
            return Ok(url);
        }
        self.check_referrer(&referrer)?;
        let url = self.packages.resolve(specifier, &referrer, &|path| self.may_probe(path));
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

    /// Fails if the script may not read the referrer. A script from `node:vm` may claim any path, and that decides
    /// which `package.json` is read.
    fn check_referrer(&self, referrer: &Url) -> Result<(), PermissionCheckError> {
        let is_known = self.bundle.is_some()
            || *referrer == self.main
            || self.loaded.borrow().contains_key(referrer);
        match referrer.to_file_path() {
            Ok(path) if !is_known => self.may_import(&path).map(drop),
            _ => Ok(()),
        }
    }

    fn imported_from(&self, url: &Url, referrer: Option<&ModuleLoadReferrer>) -> ImportedFrom {
        let dynamic = self.dynamic_referrers.borrow_mut().remove(url);
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
            // Errors of `import()` reach the script itself.
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
        crate::crash::panics::in_loader(url);
        let from = self.imported_from(url, referrer);
        if let Some(limit) = self.worker.as_ref().and_then(|worker| worker.exceeded_limit) {
            let error = JsErrorBox::from_err(LoadError::TooManyWorkers { limit });
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
                    Some(bundle_code_cache::get(source)),
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

    /// The main module of a worker that was started from a blob.
    fn blob(&self, url: &Url) -> Option<Arc<Blob>> {
        let worker = self.worker.as_ref().filter(|worker| worker.main == *url)?;
        worker.blob.clone()
    }
}

/// The replacement of an op that loads modules or native code; `None` for other ops.
pub(crate) fn replaced_op(op: &OpDecl) -> Option<OpDecl> {
    Some(match op.name {
        "op_module_hooks_register" => op_host_register_hooks(),
        "op_module_default_resolve" => op_host_without_hooks(),
        "op_require_resolve_exports" => op_host_require_resolve_exports(),
        "op_require_try_self" => op_host_require_try_self(),
        "op_napi_open" => native_addons::op_host_no_addon(),
        // The asynchronous ops need an open library, which a script cannot get.
        name if name.starts_with("op_ffi_") && !op.is_async => native_addons::op_host_no_library(),
        _ => return None,
    })
}

fn without_bom(source: &Arc<str>) -> Arc<str> {
    source.strip_prefix(source::BOM).map_or_else(|| source.clone(), Arc::from)
}
