//! Compiles TypeScript and JSX to JavaScript, and finds the exports of modules.
//!
//! Types are stripped, not checked. The defaults are Deno's: classic JSX runtime unless the file has an
//! `@jsxImportSource` pragma, standard decorators. A project's `compilerOptions` override them. The embedded engine and
//! Node children use the same rules.

mod awaits;
mod decorators;
mod deep;

use std::sync::Arc;

use deno_ast::{
    DecoratorsTranspileOption, EmitOptions, EmittedSourceText, MediaType, ModuleKind, ParseParams,
    ParsedSource, SourceMapOption, TranspileModuleOptions, TranspileOptions,
};
use deno_runtime::deno_core::url::Url;

pub(crate) use deep::panic_text;

#[derive(Debug, thiserror::Error, deno_error::JsError)]
pub(crate) enum Error {
    #[class(syntax)]
    #[error("{0}")]
    Syntax(String),

    #[class(syntax)]
    #[error(
        "A parameter's decorator needs \"experimentalDecorators\": true \
         in \"compilerOptions\" of tsconfig.json at {at}"
    )]
    Decorator { at: String },

    #[class(generic)]
    #[error("the parser failed at \"{specifier}\": {reason}")]
    Internal { specifier: String, reason: String },
}

/// Whether a file is `CommonJS`, as known without parsing it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cjs {
    No,
    /// If it has no module syntax.
    Maybe,
    Yes,
}

impl Cjs {
    fn decide(self, parsed: &ParsedSource) -> bool {
        match self {
            Self::Yes => true,
            Self::Maybe => parsed.compute_is_script() && !awaits::at_top(parsed),
            Self::No => false,
        }
    }
}

/// JavaScript and its source map.
pub(crate) struct Emitted {
    pub(crate) text: String,
    pub(crate) map: Option<String>,
    pub(crate) is_cjs: bool,
}

/// The options without a project.
pub(crate) fn options() -> TranspileOptions {
    TranspileOptions { decorators: DecoratorsTranspileOption::Ecma, ..TranspileOptions::default() }
}

pub(crate) fn emit(
    url: &Url,
    media: MediaType,
    text: &str,
    cjs: Cjs,
    options: TranspileOptions,
) -> Result<Emitted, Error> {
    parse(url, media, text, move |parsed| {
        let is_cjs = cjs.decide(&parsed);
        // Separate, because an inline map is decoded for every stack trace.
        let emitted = strip(parsed, is_cjs, SourceMapOption::Separate, &options)?;
        Ok(Emitted { text: emitted.text, map: emitted.source_map, is_cjs })
    })
}

/// Compiles a parsed module to JavaScript.
pub(crate) fn strip(
    parsed: ParsedSource,
    is_cjs: bool,
    source_map: SourceMapOption,
    options: &TranspileOptions,
) -> Result<EmittedSourceText, Error> {
    if matches!(options.decorators, DecoratorsTranspileOption::Ecma)
        && let Some(place) = decorators::of_a_parameter(&parsed)
    {
        return Err(Error::Decorator { at: format!("{}:{place}", parsed.specifier()) });
    }
    // The sources are on disk.
    let emit = EmitOptions { source_map, inline_sources: false, ..EmitOptions::default() };
    let module = TranspileModuleOptions { module_kind: Some(ModuleKind::from_is_cjs(is_cjs)) };
    Ok(parsed.transpile(options, &module, &emit).map_err(syntax)?.into_source())
}

/// The exported names, and the modules that are re-exported as a whole.
pub(crate) struct Exports {
    pub(crate) is_cjs: bool,
    pub(crate) names: Vec<String>,
    pub(crate) reexports: Vec<String>,
}

pub(crate) fn exports(url: &Url, media: MediaType, text: &str, cjs: Cjs) -> Result<Exports, Error> {
    parse(url, media, text, move |parsed| {
        let is_cjs = cjs.decide(&parsed);
        let (names, reexports) = if is_cjs {
            let found = parsed.analyze_cjs();
            (found.exports, found.reexports)
        } else {
            let found = parsed.analyze_es_runtime_exports();
            (found.exports, found.reexports)
        };
        Ok(Exports { is_cjs, names, reexports })
    })
}

/// Parses `text` and calls `work` with the result, both on a thread with a large stack.
pub(crate) fn parse<T: Send + 'static>(
    url: &Url,
    media: MediaType,
    text: &str,
    work: impl FnOnce(ParsedSource) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    // swc panics at a byte order mark in a build with debug assertions.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let (specifier, source) = (url.clone(), Arc::from(text));
    deep::run(url.as_str(), text, move || {
        let parsed = deno_ast::parse_program(ParseParams {
            specifier,
            text: source,
            media_type: media,
            capture_tokens: false,
            scope_analysis: false,
            maybe_syntax: None,
        });
        work(parsed.map_err(syntax)?)
    })
}

fn syntax(error: impl std::error::Error) -> Error {
    Error::Syntax(error.to_string())
}
