//! Runs the hooks of `module.registerHooks()` for each import.
//!
//! Hooks are synchronous JavaScript, but V8 requests a module's source where no JavaScript can run. So for `import()` a
//! task of the engine runs the load hooks in the event loop. `require()` cannot wait for the event loop; its load hooks
//! run as soon as the URL is resolved.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::{Rc, Weak};

use deno_error::JsErrorBox;
use deno_runtime::deno_core::futures::FutureExt;
use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_core::{
    ModuleLoadOptions, ModuleLoadReferrer, ModuleLoadResponse, ModuleSource, OpState,
    ResolutionKind, op2, serde_v8, v8,
};
use deno_runtime::deno_node::ops::module_hooks::LoaderHookRegistry;
use serde::{Deserialize, Serialize};

use super::errors::{ImportedFrom, LoadError, guard, read_error};
use super::{Loader, source};

type Function = v8::Global<v8::Function>;

/// The hooks of one isolate.
#[derive(Default)]
pub(super) struct Hooks {
    /// The engine's queue of modules for its task.
    registry: OnceCell<LoaderHookRegistry>,
    /// The engine's functions that run the hooks. They never throw.
    resolve: RefCell<Option<Function>>,
    load: RefCell<Option<Function>>,
    /// Results of load hooks for modules that the engine loads next.
    hooked: RefCell<HashMap<Url, HookedSource>>,
    /// Modules that load hooks have run for. The engine loads each module once.
    requested: RefCell<HashSet<Url>>,
}

/// The result of the engine's function for `resolve`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Resolved {
    Failed { error: String },
    Url(Option<String>),
}

/// The result of the engine's function for `load`: a text, or the URL to load instead.
#[derive(Deserialize)]
struct HookedSource {
    text: Option<String>,
    format: Option<String>,
    url: Option<String>,
    error: Option<String>,
}

impl Hooks {
    fn active(&self) -> Option<&LoaderHookRegistry> {
        self.registry.get().filter(|registry| registry.hooks_active.get())
    }

    /// Whether a task in the event loop loads modules.
    pub(super) fn load_in_event_loop(&self) -> bool {
        self.active().is_some_and(|registry| registry.load_active.get())
    }
}

impl Loader {
    /// Makes this loader available to the ops of this module.
    pub(super) fn install_hooks(self: &Rc<Self>, state: &mut OpState) {
        let registry = state.borrow::<LoaderHookRegistry>().clone();
        // Called once per isolate, so the cell is empty.
        let _ = self.hooks.registry.set(registry);
        state.put(Rc::downgrade(self));
    }

    /// Stores the text of a module that a hook has provided for `require()`.
    pub(super) fn provide(&self, url: &Url, text: String) {
        if self.is_new(url) {
            let format = Some("module".to_owned());
            let source = HookedSource { text: Some(text), format, url: None, error: None };
            self.hooks.hooked.borrow_mut().insert(url.clone(), source);
        }
    }

    /// Whether an import is the engine's own, also in the wrapper of a `CommonJS` module. Hooks do not run for these.
    fn is_engine_import(&self, specifier: &str, referrer: &str) -> bool {
        let Ok(referrer) = Url::parse(referrer) else { return false };
        matches!(referrer.scheme(), "ext" | "node")
            || (specifier == "node:module" && self.commonjs.may_be(&referrer).unwrap_or(false))
    }

    /// Whether the engine has not loaded a module yet, as far as is known. Marks it as requested.
    fn is_new(&self, url: &Url) -> bool {
        url.scheme() != "node"
            && *url != self.main
            && !self.loaded.borrow().contains_key(url)
            && self.hooks.requested.borrow_mut().insert(url.clone())
    }

    /// Resolves a specifier without hooks. A URL with an unknown scheme is left to load hooks.
    fn resolve_for_hooks(&self, specifier: &str, referrer: &str) -> Result<Url, LoadError> {
        let url = match self.resolve(specifier, referrer, ResolutionKind::DynamicImport) {
            Err(error @ LoadError::Scheme { .. }) => {
                return Url::parse(specifier).map_err(|_| error);
            }
            resolved => resolved?,
        };
        match url.to_file_path() {
            // Fails now rather than at load, because hooks try one name after another.
            Ok(path) if self.may_probe(&path) && !path.is_file() => {
                let from = Url::parse(referrer).map(|referrer| ImportedFrom::url(&referrer));
                let error = std::fs::metadata(&path).err();
                let error = error.unwrap_or_else(|| std::io::ErrorKind::IsADirectory.into());
                Err(read_error(&url, &path, &from.unwrap_or_default(), error))
            }
            _ => Ok(url),
        }
    }

    /// The unchanged text of a file, for hooks that transform it.
    fn read_for_hooks(&self, url: &str) -> Result<String, LoadError> {
        let path = Url::parse(url).ok().and_then(|url| url.to_file_path().ok());
        let path = path.ok_or_else(|| LoadError::Specifier {
            specifier: url.to_owned(),
            from: ImportedFrom::default(),
            reason: "not the URL of a file".to_owned(),
        })?;
        let path = self.may_import(&path)?;
        source::read_text(&path).map_err(|source| LoadError::Read {
            module: url.to_owned(),
            from: ImportedFrom::default(),
            source,
        })
    }
}

/// Resolves a specifier with hooks; `default` resolves it without.
pub(super) fn resolve(
    loader: &Loader,
    scope: &mut v8::PinScope<'_, '_>,
    (specifier, referrer): (&str, &str),
    kind: ResolutionKind,
    attributes: &HashMap<String, String>,
    default: impl FnOnce() -> Result<Url, JsErrorBox>,
) -> Result<Url, JsErrorBox> {
    let registry = loader.hooks.active().filter(|_| !loader.is_engine_import(specifier, referrer));
    let Some(registry) = registry else { return default() };
    // Cloned, so that the cell is not borrowed during the call: a hook may register another hook.
    let callback = loader.hooks.resolve.borrow().clone();
    let url = match callback {
        None => default()?,
        Some(callback) => {
            let arguments =
                [to_v8(scope, specifier)?, to_v8(scope, referrer)?, to_v8(scope, attributes)?];
            match call(scope, specifier, &callback, &arguments)? {
                Resolved::Failed { error } => return Err(thrown(&error)),
                Resolved::Url(None) => default()?,
                Resolved::Url(Some(url)) => Url::parse(&url).map_err(|error| {
                    JsErrorBox::type_error(format!("A resolve hook returned '{url}': {error}"))
                })?,
            }
        }
    };
    let callback = loader.hooks.load.borrow().clone();
    match callback {
        Some(callback) if matches!(kind, ResolutionKind::Import) && loader.is_new(&url) => {
            let arguments = [to_v8(scope, url.as_str())?, to_v8(scope, attributes)?];
            let source = call(scope, url.as_str(), &callback, &arguments)?;
            loader.hooks.hooked.borrow_mut().insert(url.clone(), source);
        }
        // `load` gets only the type attribute; this passes the others on to the task.
        _ => registry.record_resolved_attributes(url.as_str(), attributes),
    }
    Ok(url)
}

/// Loads a module with hooks.
pub(super) fn load(
    loader: &Rc<Loader>,
    url: &Url,
    referrer: Option<&ModuleLoadReferrer>,
    options: ModuleLoadOptions,
) -> ModuleLoadResponse {
    let hooked = loader.hooks.hooked.borrow_mut().remove(url);
    if let Some(hooked) = hooked {
        return load_hooked(loader, url, referrer, &options, hooked);
    }
    let registry = loader.hooks.active().filter(|registry| registry.load_active.get());
    let Some(registry) = registry.filter(|_| !options.is_synchronous) else {
        return loader.load(url, referrer, &options);
    };
    loader.hooks.requested.borrow_mut().insert(url.clone());
    let mut attributes = registry.take_resolved_attributes(url.as_str());
    if let Some(kind) = options.requested_module_type.as_str() {
        attributes.insert("type".to_owned(), kind.to_owned());
    }
    let answer = registry.push_load(url.to_string(), attributes);
    let (loader, url, referrer) = (loader.clone(), url.clone(), referrer.cloned());
    let module = async move {
        let hooked = match answer.await {
            Ok(Ok((text, format, url))) => HookedSource { text, format, url, error: None },
            Ok(Err(error)) => return Err(thrown(&error)),
            Err(_) => return Err(ending(url.as_str())),
        };
        into_module(load_hooked(&loader, &url, referrer.as_ref(), &options, hooked)).await
    };
    ModuleLoadResponse::Async(module.boxed_local())
}

fn load_hooked(
    loader: &Rc<Loader>,
    url: &Url,
    referrer: Option<&ModuleLoadReferrer>,
    options: &ModuleLoadOptions,
    hooked: HookedSource,
) -> ModuleLoadResponse {
    if let Some(error) = hooked.error {
        return ModuleLoadResponse::Sync(Err(thrown(&error)));
    }
    if let Some(text) = hooked.text {
        return source::load_text(loader, url, text, hooked.format.as_deref(), options);
    }
    let other = hooked.url.and_then(|other| Url::parse(&other).ok()).filter(|other| other != url);
    let Some(other) = other else { return loader.load(url, referrer, options) };
    // The URL of the module stays the imported one.
    let response = loader.load(&other, referrer, options);
    let url = url.clone();
    let module = async move {
        let ModuleSource { module_type, code, code_cache, .. } = into_module(response).await?;
        Ok(ModuleSource::new(module_type, code, &url, code_cache))
    };
    ModuleLoadResponse::Async(module.boxed_local())
}

async fn into_module(response: ModuleLoadResponse) -> Result<ModuleSource, JsErrorBox> {
    match response {
        ModuleLoadResponse::Sync(module) => module,
        ModuleLoadResponse::Async(module) => module.await,
    }
}

fn to_v8<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: impl Serialize,
) -> Result<v8::Local<'s, v8::Value>, JsErrorBox> {
    serde_v8::to_v8(scope, value).map_err(|error| JsErrorBox::generic(error.to_string()))
}

/// Calls one of the engine's functions.
fn call<T: for<'de> Deserialize<'de>>(
    scope: &mut v8::PinScope<'_, '_>,
    specifier: &str,
    function: &Function,
    arguments: &[v8::Local<'_, v8::Value>],
) -> Result<T, JsErrorBox> {
    let this = v8::undefined(scope).into();
    let result = v8::Local::new(scope, function).call(scope, this, arguments);
    // The functions do not throw: there is no result only if the script is being terminated.
    let result = result.ok_or_else(|| ending(specifier))?;
    serde_v8::from_v8(scope, result).map_err(|error| JsErrorBox::generic(error.to_string()))
}

fn ending(specifier: &str) -> JsErrorBox {
    JsErrorBox::from_err(LoadError::Ending { specifier: specifier.to_owned() })
}

/// The error that a hook threw, from its text `Class: message`.
fn thrown(text: &str) -> JsErrorBox {
    const CLASSES: [&str; 6] =
        ["Error", "TypeError", "RangeError", "ReferenceError", "SyntaxError", "URIError"];
    match text.split_once(": ") {
        Some((class, message)) => {
            let known = CLASSES.into_iter().find(|known| *known == class);
            known.map_or_else(
                || JsErrorBox::generic(text.to_owned()),
                |class| JsErrorBox::new(class, message.to_owned()),
            )
        }
        None => JsErrorBox::generic(text.to_owned()),
    }
}

fn loader_of(state: &OpState) -> Result<Rc<Loader>, JsErrorBox> {
    let loader = state.try_borrow::<Weak<Loader>>().and_then(Weak::upgrade);
    loader.ok_or_else(|| JsErrorBox::generic("the isolate has no script yet"))
}

/// Sets the engine's functions that run the current hooks. A hook may call this.
#[op2]
pub(crate) fn op_host_register_hooks(
    state: &mut OpState,
    #[scoped] resolve: Option<v8::Global<v8::Function>>,
    #[scoped] load: Option<v8::Global<v8::Function>>,
) -> Result<(), JsErrorBox> {
    let loader = loader_of(state)?;
    if let Some(registry) = loader.hooks.registry.get() {
        registry.load_active.set(load.is_some());
        registry.hooks_active.set(load.is_some() || resolve.is_some());
    }
    loader.hooks.resolve.replace(resolve);
    loader.hooks.load.replace(load);
    Ok(())
}

/// Called when the last hook calls `next`: resolves a specifier, or reads a file if there is no referrer.
#[op2(stack_trace)]
#[string]
pub(crate) fn op_host_without_hooks(
    state: &mut OpState,
    #[string] specifier: &str,
    #[string] referrer: Option<String>,
) -> Result<String, JsErrorBox> {
    let loader = loader_of(state)?;
    let work = || match referrer {
        Some(referrer) => loader.resolve_for_hooks(specifier, &referrer).map(String::from),
        None => loader.read_for_hooks(specifier),
    };
    guard(specifier, work, |error| error).map_err(JsErrorBox::from_err)
}
