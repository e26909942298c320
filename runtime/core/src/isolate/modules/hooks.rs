//! The functions of `module.registerHooks()`, which take part in every `import`.
//!
//! Hooks are synchronous, and the loader is asked for a module's text where no JavaScript can run. So
//! what `import()` asks for is loaded by a task of the engine's that runs the hooks in the event loop.
//! What `require()` asks for cannot wait for that: its hooks run as soon as its address is known.

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

use super::errors::{ImportedFrom, LoadError, guard};
use super::{Loader, missing, source};

type Function = v8::Global<v8::Function>;

/// The hooks of one isolate.
#[derive(Default)]
pub(super) struct Hooks {
    /// The engine's list of what its task is to load.
    registry: OnceCell<LoaderHookRegistry>,
    /// The engine's functions that run the hooks. They throw nothing.
    resolve: RefCell<Option<Function>>,
    load: RefCell<Option<Function>>,
    /// What hooks gave for modules that are loaded next.
    given: RefCell<HashMap<Url, Given>>,
    /// What hooks were asked to load. The engine has it, and does not load it again.
    asked: RefCell<HashSet<Url>>,
}

/// The answer of the engine's function for `resolve`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Resolved {
    Failed { error: String },
    Url(Option<String>),
}

/// The answer of the one for `load`: a text, or the address of what is to be loaded.
#[derive(Deserialize)]
struct Given {
    text: Option<String>,
    format: Option<String>,
    url: Option<String>,
    error: Option<String>,
}

impl Hooks {
    fn active(&self) -> Option<&LoaderHookRegistry> {
        self.registry.get().filter(|registry| registry.hooks_active.get())
    }

    /// Whether a module's text comes from a task in the event loop.
    pub(super) fn load_in_event_loop(&self) -> bool {
        self.active().is_some_and(|registry| registry.load_active.get())
    }
}

impl Loader {
    /// Puts in place what the engine's functions ask for.
    pub(super) fn install_hooks(self: &Rc<Self>, state: &mut OpState) {
        let registry = state.borrow::<LoaderHookRegistry>().clone();
        // Called once for an isolate.
        let _ = self.hooks.registry.set(registry);
        state.put(Rc::downgrade(self));
    }

    /// Keeps the text that a hook gave for a module that `require()` asks for.
    pub(super) fn give(&self, url: &Url, text: String) {
        if self.is_new(url) {
            let format = Some("module".to_owned());
            let given = Given { text: Some(text), format, url: None, error: None };
            self.hooks.given.borrow_mut().insert(url.clone(), given);
        }
    }

    /// What the wrapper of a `CommonJS` module imports is no import of its own.
    fn is_engines(&self, specifier: &str, referrer: &str) -> bool {
        let Ok(referrer) = Url::parse(referrer) else { return false };
        matches!(referrer.scheme(), "ext" | "node")
            || (specifier == "node:module" && self.commonjs.may_be(&referrer).unwrap_or(false))
    }

    /// Whether the engine is going to ask for a module, for all that is known.
    fn is_new(&self, url: &Url) -> bool {
        url.scheme() != "node"
            && *url != self.main
            && !self.loaded.borrow().contains_key(url)
            && self.hooks.asked.borrow_mut().insert(url.clone())
    }

    /// What an `import` without hooks means. An address of a scheme that only hooks know is theirs.
    fn resolve_for_hooks(&self, specifier: &str, referrer: &str) -> Result<Url, LoadError> {
        let url = match self.resolve(specifier, referrer, ResolutionKind::DynamicImport) {
            Err(error @ LoadError::Scheme { .. }) => {
                return Url::parse(specifier).map_err(|_| error);
            }
            resolved => resolved?,
        };
        match url.to_file_path() {
            // Otherwise that is found out later. Hooks try one name after another.
            Ok(path) if self.may_look(&path) && !path.is_file() => {
                let from = Url::parse(referrer).map(|referrer| ImportedFrom::url(&referrer));
                let error = std::fs::metadata(&path).err();
                let error = error.unwrap_or_else(|| std::io::ErrorKind::IsADirectory.into());
                Err(missing::explain(&url, &path, &from.unwrap_or_default(), error))
            }
            _ => Ok(url),
        }
    }

    /// The text of a file as it is, for hooks that change it.
    fn read_for_hooks(&self, url: &str) -> Result<String, LoadError> {
        let path = Url::parse(url).ok().and_then(|url| url.to_file_path().ok());
        let path = path.ok_or_else(|| LoadError::Specifier {
            specifier: url.to_owned(),
            from: ImportedFrom::default(),
            reason: "not the address of a file".to_owned(),
        })?;
        let path = self.may_import(&path)?;
        source::read_text(&path).map_err(|source| LoadError::Read {
            module: url.to_owned(),
            from: ImportedFrom::default(),
            source,
        })
    }
}

/// What a specifier means to the hooks; `default` is what it means without any.
pub(super) fn resolve(
    loader: &Loader,
    scope: &mut v8::PinScope<'_, '_>,
    (specifier, referrer): (&str, &str),
    kind: ResolutionKind,
    attributes: &HashMap<String, String>,
    default: impl FnOnce() -> Result<Url, JsErrorBox>,
) -> Result<Url, JsErrorBox> {
    let registry = loader.hooks.active().filter(|_| !loader.is_engines(specifier, referrer));
    let Some(registry) = registry else { return default() };
    // Nothing stays borrowed: a hook may register another one.
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
                    JsErrorBox::type_error(format!("A resolve hook gave '{url}': {error}"))
                })?,
            }
        }
    };
    let callback = loader.hooks.load.borrow().clone();
    match callback {
        Some(callback) if matches!(kind, ResolutionKind::Import) && loader.is_new(&url) => {
            let arguments = [to_v8(scope, url.as_str())?, to_v8(scope, attributes)?];
            let given = call(scope, url.as_str(), &callback, &arguments)?;
            loader.hooks.given.borrow_mut().insert(url.clone(), given);
        }
        // The task would be told of no other attribute than the type.
        _ => registry.record_resolved_attributes(url.as_str(), attributes),
    }
    Ok(url)
}

/// Loads a module as the hooks want it.
pub(super) fn load(
    loader: &Rc<Loader>,
    url: &Url,
    referrer: Option<&ModuleLoadReferrer>,
    options: ModuleLoadOptions,
) -> ModuleLoadResponse {
    let given = loader.hooks.given.borrow_mut().remove(url);
    if let Some(given) = given {
        return load_given(loader, url, referrer, &options, given);
    }
    let registry = loader.hooks.active().filter(|registry| registry.load_active.get());
    let Some(registry) = registry.filter(|_| !options.is_synchronous) else {
        return loader.load(url, referrer, &options);
    };
    loader.hooks.asked.borrow_mut().insert(url.clone());
    let mut attributes = registry.take_resolved_attributes(url.as_str());
    if let Some(kind) = options.requested_module_type.as_str() {
        attributes.insert("type".to_owned(), kind.to_owned());
    }
    let answer = registry.push_load(url.to_string(), attributes);
    let (loader, url, referrer) = (loader.clone(), url.clone(), referrer.cloned());
    let module = async move {
        let given = match answer.await {
            Ok(Ok((text, format, url))) => Given { text, format, url, error: None },
            Ok(Err(error)) => return Err(thrown(&error)),
            Err(_) => return Err(ending(url.as_str())),
        };
        finished(load_given(&loader, &url, referrer.as_ref(), &options, given)).await
    };
    ModuleLoadResponse::Async(module.boxed_local())
}

fn load_given(
    loader: &Rc<Loader>,
    url: &Url,
    referrer: Option<&ModuleLoadReferrer>,
    options: &ModuleLoadOptions,
    given: Given,
) -> ModuleLoadResponse {
    if let Some(error) = given.error {
        return ModuleLoadResponse::Sync(Err(thrown(&error)));
    }
    if let Some(text) = given.text {
        return source::load_given(loader, url, text, given.format.as_deref(), options);
    }
    let other = given.url.and_then(|other| Url::parse(&other).ok()).filter(|other| other != url);
    let Some(other) = other else { return loader.load(url, referrer, options) };
    // The module keeps the address that it was imported by.
    let response = loader.load(&other, referrer, options);
    let url = url.clone();
    let module = async move {
        let ModuleSource { module_type, code, code_cache, .. } = finished(response).await?;
        Ok(ModuleSource::new(module_type, code, &url, code_cache))
    };
    ModuleLoadResponse::Async(module.boxed_local())
}

async fn finished(response: ModuleLoadResponse) -> Result<ModuleSource, JsErrorBox> {
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
    let answer = v8::Local::new(scope, function).call(scope, this, arguments);
    // Only the end of the script keeps it from an answer.
    let answer = answer.ok_or_else(|| ending(specifier))?;
    serde_v8::from_v8(scope, answer).map_err(|error| JsErrorBox::generic(error.to_string()))
}

fn ending(specifier: &str) -> JsErrorBox {
    JsErrorBox::from_err(LoadError::Ending { specifier: specifier.to_owned() })
}

/// What a hook threw, of which the engine hands on the words.
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

/// Takes the engine's functions, which run the hooks that there are now. A hook may ask for this.
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

/// What happens when the last hook calls `next`: resolves a specifier, or reads a file where there is
/// no referrer.
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
