//! Implements `deno_core`'s module loader. `deno_core` needs it before the script of an isolate is known.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;

use deno_error::{JsErrorBox, JsErrorClass, PropertyValue};
use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_core::v8;
use deno_runtime::deno_core::{
    ModuleLoadOptions, ModuleLoadReferrer, ModuleLoadResponse, ModuleLoader, ModuleSource,
    ModuleSourceCode, ModuleType, RequestedModuleType, ResolutionKind, SourceCodeCacheInfo,
};
use deno_runtime::deno_node::create_host_defined_options;

use super::errors::guard;
use super::{LoadError, Loader, Modules, builtin_code_cache, bundle_code_cache, hooks, source};
use crate::isolate::limits::interrupt;

/// Holds the modules of an isolate once it has a script. Until then it loads only the engine's own modules, which need no
/// loader.
#[derive(Clone, Default)]
pub(crate) struct LoaderSlot(Rc<Slot>);

#[derive(Default)]
struct Slot {
    loader: OnceCell<Rc<Loader>>,
    has_node: Cell<bool>,
}

impl LoaderSlot {
    /// Call once.
    pub(crate) fn set(&self, modules: &Modules) {
        // An isolate runs one script, so the cell is empty.
        let _ = self.0.loader.set(modules.loader.clone());
    }

    /// Whether the isolate has loaded modules of Node that the snapshot does not contain.
    pub(crate) fn has_node(&self) -> bool {
        self.0.has_node.get()
    }

    pub(crate) fn loader(&self) -> Rc<dyn ModuleLoader> {
        Rc::new(SharedLoader(self.clone()))
    }
}

/// Not implemented by [`Loader`], because the trait passes `&self` and loading needs the `Rc`.
struct SharedLoader(LoaderSlot);

impl SharedLoader {
    fn get(&self) -> Option<&Rc<Loader>> {
        let SharedLoader(LoaderSlot(slot)) = self;
        slot.loader.get()
    }

    fn expect(&self) -> Result<&Rc<Loader>, JsErrorBox> {
        self.get().ok_or_else(|| JsErrorBox::generic("the isolate has no script yet"))
    }
}

impl ModuleLoader for SharedLoader {
    fn resolve(
        &self,
        specifier: &str,
        referrer: &str,
        kind: ResolutionKind,
    ) -> Result<Url, JsErrorBox> {
        let is_dynamic = matches!(kind, ResolutionKind::DynamicImport);
        let loader = self.expect()?;
        let resolve = || loader.resolve(specifier, referrer, kind);
        let url = guard(specifier, resolve, |error| error).map_err(JsErrorBox::from_err)?;
        if is_dynamic
            && url.scheme() == "file"
            && let Ok(referrer) = Url::parse(referrer)
        {
            loader.dynamic_referrers.borrow_mut().insert(url.clone(), referrer);
        }
        Ok(url)
    }

    fn resolve_with_scope(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        specifier: &str,
        referrer: &str,
        kind: ResolutionKind,
        attributes: &HashMap<String, String>,
    ) -> Result<Url, JsErrorBox> {
        if matches!(kind, ResolutionKind::DynamicImport) && !interrupt::may_import(scope) {
            let specifier = specifier.to_owned();
            return Err(JsErrorBox::from_err(LoadError::Ending { specifier }));
        }
        let default = || self.resolve(specifier, referrer, kind);
        hooks::resolve(self.expect()?, scope, (specifier, referrer), kind, attributes, default)
    }

    fn pump_event_loop_during_load(&self) -> bool {
        self.get().is_some_and(|loader| loader.hooks.load_in_event_loop())
    }

    fn import_meta_resolve(&self, specifier: &str, referrer: &str) -> Result<Url, JsErrorBox> {
        self.resolve(specifier, referrer, ResolutionKind::Import)
    }

    fn prepare_load(
        &self,
        module: &Url,
        _referrer: Option<String>,
        text: Option<String>,
        _options: ModuleLoadOptions,
    ) -> Pin<Box<dyn Future<Output = Result<(), JsErrorBox>>>> {
        if let (Some(loader), Some(text)) = (self.get(), text) {
            loader.provide(module, text);
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn load(
        &self,
        module_specifier: &Url,
        maybe_referrer: Option<&ModuleLoadReferrer>,
        options: ModuleLoadOptions,
    ) -> ModuleLoadResponse {
        let is_import_target = is_import_target(maybe_referrer, &options);
        let load = || Ok(hooks::load(self.expect()?, module_specifier, maybe_referrer, options));
        let response = guard(module_specifier.as_str(), load, JsErrorBox::from_err)
            .unwrap_or_else(|error| ModuleLoadResponse::Sync(Err(error)));
        if is_import_target { with_error_code(module_specifier, response) } else { response }
    }

    fn get_code_cache(&self, module: &Url, _source: &str) -> Option<SourceCodeCacheInfo> {
        if builtin_code_cache::is_node(module) {
            let SharedLoader(LoaderSlot(slot)) = self;
            slot.has_node.set(true);
        }
        builtin_code_cache::get(module)
    }

    fn code_cache_ready(
        &self,
        module: Url,
        hash: u64,
        data: &[u8],
    ) -> Pin<Box<dyn Future<Output = ()>>> {
        if builtin_code_cache::is_builtin(&module) {
            builtin_code_cache::store(&module, data);
        } else if let Some((_, source)) = self.get().and_then(|loader| loader.bundle.as_ref())
            && hash == bundle_code_cache::HASH
        {
            bundle_code_cache::store(source, data);
        }
        Box::pin(std::future::ready(()))
    }

    fn get_host_defined_options<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        name: &str,
    ) -> Option<v8::Local<'s, v8::Data>> {
        // Marks code of packages, which gets Node's globals.
        let url = Url::parse(name).ok()?;
        self.get()?.packages.contains(&url).then(|| create_host_defined_options(scope))
    }

    fn get_source_map(&self, file_name: &str) -> Option<Cow<'_, [u8]>> {
        let url = Url::parse(file_name).ok()?;
        let maps = self.get()?.maps.borrow();
        maps.get(&url).map(|map| Cow::Owned(map.clone().into_bytes()))
    }

    fn load_external_source_map(&self, source_map_url: &str) -> Option<Cow<'_, [u8]>> {
        let path = Url::parse(source_map_url).ok()?.to_file_path().ok()?;
        let loader = self.get()?;
        let is_map = path.extension().is_some_and(|extension| extension == "map");
        if !is_map || loader.bundle.is_some() {
            return None;
        }
        // The script chooses this path, so it needs the script's permission.
        source::read(&loader.may_import(&path).ok()?).ok().map(Cow::Owned)
    }

    fn source_map_source_exists(&self, source_url: &str) -> Option<bool> {
        let url = Url::parse(source_url).ok()?;
        // Most packages are published without the sources of their source maps.
        let loader = self.get()?;
        let exists = |path: PathBuf| loader.may_import(&path).is_ok_and(|path| path.is_file());
        Some(!loader.packages.contains(&url) || url.to_file_path().is_ok_and(exists))
    }

    fn get_source_mapped_source_line(&self, file_name: &str, line: usize) -> Option<String> {
        let url = Url::parse(file_name).ok()?;
        let loader = self.get()?;
        match &loader.bundle {
            Some((bundle, source)) if url == *bundle => {
                source.split('\n').nth(line).map(str::to_owned)
            }
            _ => {
                let path = loader.loaded_from(&url.to_file_path().ok()?)?;
                source::read_text(&path).ok()?.split('\n').nth(line).map(str::to_owned)
            }
        }
    }
}

/// Error codes that depend on the URL of a module alone.
const PERMANENT: [&str; 2] = ["ERR_UNKNOWN_FILE_EXTENSION", "ERR_UNKNOWN_MODULE_FORMAT"];

/// Whether a module is the target of an `import()` and not one of its dependencies, which have a referrer.
fn is_import_target(referrer: Option<&ModuleLoadReferrer>, options: &ModuleLoadOptions) -> bool {
    let is_plain = options.requested_module_type == RequestedModuleType::None;
    options.is_dynamic_import && referrer.is_none() && is_plain
}

/// Preserves the error code of a failed `import()`.
///
/// The engine rejects `import()` with a new error if the original one comes from Rust, and gives it the code of a missing
/// module. So the error is thrown by a generated module instead. The engine caches that module, so this is done only for
/// errors that a later attempt cannot avoid.
fn with_error_code(url: &Url, response: ModuleLoadResponse) -> ModuleLoadResponse {
    match response {
        ModuleLoadResponse::Sync(Err(error)) => ModuleLoadResponse::Sync(throwing(url, error)),
        other => other,
    }
}

fn throwing(url: &Url, error: JsErrorBox) -> Result<ModuleSource, JsErrorBox> {
    let code = error.get_additional_properties().find_map(|(name, value)| match value {
        PropertyValue::String(code) if name == "code" => Some(code.into_owned()),
        _ => None,
    });
    let Some(code) = code.filter(|code| PERMANENT.contains(&code.as_str())) else {
        return Err(error);
    };
    let message = serde_json::Value::from(error.get_message());
    let text = format!("throw Object.assign(new TypeError({message}), {{ code: \"{code}\" }})");
    let code = ModuleSourceCode::String(text.into());
    Ok(ModuleSource::new(ModuleType::JavaScript, code, url, None))
}
