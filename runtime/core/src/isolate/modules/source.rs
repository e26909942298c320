//! Loads the source of a URL and converts it to a form that V8 can compile.
//!
//! Everything except blobs is synchronous, which starts scripts faster. Plain ES modules are not parsed here, because V8
//! parses them anyway.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use deno_ast::MediaType;
use deno_error::JsErrorBox;
use deno_runtime::deno_core::futures::FutureExt;
use deno_runtime::deno_core::futures::future::LocalBoxFuture;
use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_core::{
    ModuleLoadOptions, ModuleLoadResponse, ModuleSource, ModuleSourceCode, ModuleType,
    RequestedModuleType,
};
use deno_runtime::deno_web::Blob;
use node_resolver::analyze::CjsAnalysisSourceProvider;

use super::Loader;
use super::commonjs;
use super::errors::{ImportedFrom, LoadError, read_error};
use crate::isolate::sandbox::files::sandbox_fs;
use crate::typescript::transpile;
use crate::typescript::transpile::Cjs;

/// The byte order mark.
pub(super) const BOM: &str = "\u{FEFF}";

/// Loads a file or a `data:` URL.
pub(super) fn load(
    loader: &Rc<Loader>,
    url: &Url,
    from: &ImportedFrom,
    options: &ModuleLoadOptions,
) -> ModuleLoadResponse {
    respond(loader, url, prepare(loader, url, from, options))
}

fn respond(
    loader: &Rc<Loader>,
    url: &Url,
    prepared: Result<Prepared, JsErrorBox>,
) -> ModuleLoadResponse {
    match prepared {
        Ok(Prepared::Ready(module, code)) => {
            ModuleLoadResponse::Sync(Ok(ModuleSource::new(module, code, url, None)))
        }
        Ok(Prepared::CommonJs(text)) => translate(loader, url, text),
        Err(error) => ModuleLoadResponse::Sync(Err(error)),
    }
}

/// Loads the main module of a worker that was started from a blob.
pub(super) fn load_blob(loader: &Rc<Loader>, url: &Url, blob: Arc<Blob>) -> ModuleLoadResponse {
    let (loader, url) = (loader.clone(), url.clone());
    let module = async move {
        let media = MediaType::from_content_type(&url, &blob.media_type);
        let from = ImportedFrom::default();
        // Most blobs with scripts have no MIME type, or that of plain text.
        if media == MediaType::Unknown && !is_unspecific(&blob.media_type) {
            let mime = blob.media_type.clone();
            let error = LoadError::UnknownFormat { module: "a blob: URL", mime, from };
            return Err(JsErrorBox::from_err(error));
        }
        let bytes = blob.read_all().await;
        match convert(&loader, &url, &from, media, bytes, &RequestedModuleType::None)? {
            Prepared::Ready(kind, code) => Ok(ModuleSource::new(kind, code, &url, None)),
            Prepared::CommonJs(text) => {
                let code = ModuleSourceCode::String(text.into());
                Ok(ModuleSource::new(ModuleType::JavaScript, code, &url, None))
            }
        }
    };
    ModuleLoadResponse::Async(module.boxed_local())
}

/// Loads a module with the text that hooks have provided.
pub(super) fn load_text(
    loader: &Rc<Loader>,
    url: &Url,
    text: String,
    format: Option<&str>,
    options: &ModuleLoadOptions,
) -> ModuleLoadResponse {
    let from = ImportedFrom::default();
    let prepared = match format {
        Some("module") => Ok(Prepared::script(text)),
        Some("commonjs") => Ok(Prepared::CommonJs(text)),
        Some("json") => Ok(Prepared::bytes(ModuleType::Json, text.into_bytes())),
        Some("module-typescript") => emit(loader, url, MediaType::Mts, &text, Cjs::No),
        Some("commonjs-typescript") => emit(loader, url, MediaType::Cts, &text, Cjs::Yes),
        _ => {
            let media = MediaType::from_specifier(url);
            convert(loader, url, &from, media, text.into_bytes(), &options.requested_module_type)
        }
    };
    respond(loader, url, prepared)
}

fn is_unspecific(mime: &str) -> bool {
    let essence = mime.split(';').next().unwrap_or_default().trim();
    matches!(essence, "" | "text/plain" | "application/octet-stream")
}

enum Prepared {
    Ready(ModuleType, ModuleSourceCode),
    /// JavaScript that needs an ES wrapper, or turns out to be an ES module.
    CommonJs(String),
}

impl Prepared {
    fn script(text: String) -> Self {
        Self::Ready(ModuleType::JavaScript, ModuleSourceCode::String(text.into()))
    }

    fn bytes(module: ModuleType, bytes: Vec<u8>) -> Self {
        Self::Ready(module, ModuleSourceCode::Bytes(bytes.into_boxed_slice().into()))
    }
}

fn prepare(
    loader: &Loader,
    url: &Url,
    from: &ImportedFrom,
    options: &ModuleLoadOptions,
) -> Result<Prepared, JsErrorBox> {
    if url.scheme() == "data" {
        return data(loader, url, from, &options.requested_module_type);
    }
    // The resolver permits no other scheme.
    let path = url.to_file_path().map_err(|()| {
        JsErrorBox::from_err(LoadError::Specifier {
            specifier: url.to_string(),
            from: from.clone(),
            reason: "not a path on this system".to_owned(),
        })
    })?;
    let in_package = loader.packages.contains(url);
    // The main module of a worker and its static imports are loaded for the script that started it.
    let by_parent = !options.is_dynamic_import && !options.is_synchronous;
    let permissions = match &loader.worker {
        Some(worker) if by_parent => &worker.parent,
        _ => &loader.permissions,
    };
    let path = loader.allowed(permissions, &path, "import()").map_err(JsErrorBox::from_err)?;
    let bytes =
        read(&path).map_err(|error| JsErrorBox::from_err(read_error(url, &path, from, error)))?;
    loader.loaded.borrow_mut().insert(url.clone(), path.clone());
    if in_package && MediaType::from_specifier(url).is_emittable() {
        return Err(JsErrorBox::from_err(LoadError::TypesInPackage {
            module: url.to_string(),
            from: from.clone(),
        }));
    }
    let media = MediaType::from_specifier(url);
    // The main module and required files are scripts whatever their extension, as in Node.
    let is_script = *url == loader.main || options.is_synchronous;
    if media == MediaType::Unknown && !is_script && is_code(&options.requested_module_type) {
        refuse_extension(&path, url, from).map_err(JsErrorBox::from_err)?;
    }
    convert(loader, url, from, media, bytes, &options.requested_module_type)
}

/// Whether an import runs the loaded module.
fn is_code(requested: &RequestedModuleType) -> bool {
    !matches!(requested, RequestedModuleType::Text | RequestedModuleType::Bytes)
}

/// Fails if an unknown file has an extension. A file without one is a script.
fn refuse_extension(path: &Path, url: &Url, from: &ImportedFrom) -> Result<(), LoadError> {
    let Some(extension) = path.extension() else { return Ok(()) };
    Err(LoadError::UnknownExtension {
        module: url.to_string(),
        extension: format!(".{}", extension.to_string_lossy()),
        from: from.clone(),
    })
}

fn data(
    loader: &Loader,
    url: &Url,
    from: &ImportedFrom,
    requested: &RequestedModuleType,
) -> Result<Prepared, JsErrorBox> {
    let invalid = |error: std::io::Error| LoadError::Specifier {
        specifier: "data:".to_owned(),
        from: from.clone(),
        reason: error.to_string(),
    };
    let raw = deno_ast::data_url::RawDataUrl::parse(url)
        .map_err(|error| JsErrorBox::from_err(invalid(error)))?;
    let media = raw.media_type();
    let (bytes, mime) = raw.into_bytes_and_mime_type();
    if media == MediaType::Unknown && *url != loader.main && is_code(requested) {
        let from = from.clone();
        let error = LoadError::UnknownFormat { module: "a data: URL", mime, from };
        return Err(JsErrorBox::from_err(error));
    }
    convert(loader, url, from, media, bytes, requested)
}

fn convert(
    loader: &Loader,
    url: &Url,
    from: &ImportedFrom,
    media: MediaType,
    bytes: Vec<u8>,
    requested: &RequestedModuleType,
) -> Result<Prepared, JsErrorBox> {
    match requested {
        RequestedModuleType::Text => {
            return Ok(Prepared::bytes(ModuleType::Text, without_bom(bytes)));
        }
        RequestedModuleType::Bytes => return Ok(Prepared::bytes(ModuleType::Bytes, bytes)),
        RequestedModuleType::Json if media != MediaType::Json => {
            return Err(JsErrorBox::from_err(LoadError::NotJson {
                module: url.to_string(),
                from: from.clone(),
            }));
        }
        RequestedModuleType::None | RequestedModuleType::Json | RequestedModuleType::Other(_) => {}
    }
    match media {
        MediaType::Json if *requested == RequestedModuleType::Json => {
            Ok(Prepared::bytes(ModuleType::Json, without_bom(bytes)))
        }
        MediaType::Json => Err(JsErrorBox::from_err(LoadError::JsonAttribute {
            module: url.to_string(),
            from: from.clone(),
        })),
        MediaType::Wasm => Ok(Prepared::bytes(ModuleType::Wasm, bytes)),
        MediaType::Dts | MediaType::Dmts | MediaType::Dcts => Ok(Prepared::script(String::new())),
        MediaType::Css
        | MediaType::Html
        | MediaType::Jsonc
        | MediaType::Json5
        | MediaType::Markdown
        | MediaType::SourceMap
        | MediaType::Sql => Err(JsErrorBox::from_err(LoadError::NotAModule {
            module: url.to_string(),
            kind: media.as_ts_extension(),
            from: from.clone(),
        })),
        _ => script(loader, url, media, into_text(bytes)),
    }
}

fn script(
    loader: &Loader,
    url: &Url,
    media: MediaType,
    text: String,
) -> Result<Prepared, JsErrorBox> {
    let may_be_cjs = loader.commonjs.may_be(url).map_err(JsErrorBox::from_err)?;
    let is_cjs = if !may_be_cjs {
        Cjs::No
    } else if matches!(media, MediaType::Cjs | MediaType::Cts) {
        Cjs::Yes
    } else if !media.is_emittable() && commonjs::starts_as_module(&text) {
        Cjs::No
    } else {
        Cjs::Maybe
    };
    if media.is_emittable() {
        return emit(loader, url, media, &text, is_cjs);
    }
    Ok(if is_cjs == Cjs::No { Prepared::script(text) } else { Prepared::CommonJs(text) })
}

fn emit(
    loader: &Loader,
    url: &Url,
    media: MediaType,
    text: &str,
    is_cjs: Cjs,
) -> Result<Prepared, JsErrorBox> {
    let project = loader.packages.project(url).map_err(JsErrorBox::from_err)?;
    let options = project.options.clone();
    let emitted =
        transpile::emit(url, media, text, is_cjs, options).map_err(JsErrorBox::from_err)?;
    loader.store_map(url, emitted.map);
    Ok(if emitted.is_cjs {
        Prepared::CommonJs(emitted.text)
    } else {
        Prepared::script(emitted.text)
    })
}

/// Wraps `CommonJS` in an ES module that exports its names. Returns ES modules unchanged.
fn translate(loader: &Rc<Loader>, url: &Url, text: String) -> ModuleLoadResponse {
    let (loader, address) = (loader.clone(), url.clone());
    let mut translated: LocalBoxFuture<'static, _> = async move {
        let text = loader
            .commonjs
            .translator
            .translate_cjs_to_esm_with_source_provider(
                &address,
                Some(Cow::Owned(text)),
                Some(&Reexported(&loader)),
            )
            .await
            .map_err(JsErrorBox::from_err)?
            .into_owned();
        let code = ModuleSourceCode::String(text.into());
        Ok(ModuleSource::new(ModuleType::JavaScript, code, &address, None))
    }
    .boxed_local();
    // Nothing in the future waits, so one poll completes it.
    match translated.poll_unpin(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => ModuleLoadResponse::Sync(result),
        Poll::Pending => ModuleLoadResponse::Async(translated),
    }
}

/// Reads the files that a `CommonJS` file re-exports, if permitted.
struct Reexported<'a>(&'a Loader);

impl CjsAnalysisSourceProvider for Reexported<'_> {
    fn load_source<'a>(&'a self, specifier: &Url) -> Option<Cow<'a, str>> {
        let path = self.0.may_import(&specifier.to_file_path().ok()?).ok()?;
        read_text(&path).ok().map(Cow::Owned)
    }
}

/// Reads a file that may be loaded, by its resolved path.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = sandbox_fs::open_regular_file(path)?;
    let mut bytes = Vec::with_capacity(
        usize::try_from(file.metadata()?.len()).unwrap_or_default().saturating_add(1),
    );
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces bytes that are not UTF-8 by replacement characters, like Deno and Node.
pub(super) fn read_text(path: &Path) -> std::io::Result<String> {
    read(path).map(into_text)
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(without_bom(bytes))
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn without_bom(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(BOM.as_bytes()) {
        bytes.drain(..BOM.len());
    }
    bytes
}
