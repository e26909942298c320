//! Distinguishes `CommonJS` from ES modules, and finds the exports of `CommonJS` modules for their ES wrapper.
//!
//! The wrapper calls Deno's `require()`. Do not analyze files that cannot be `CommonJS`: each analysis parses the file.

use std::borrow::Cow;
use std::sync::Arc;

use deno_ast::MediaType;
use deno_error::JsErrorBox;
use deno_resolver::cjs::{CjsTracker, IsCjsResolutionMode};
use deno_resolver::npm::{DenoInNpmPackageChecker, NpmResolver};
use deno_runtime::deno_core::url::Url;
use node_resolver::DenoIsBuiltInNodeModuleChecker;
use node_resolver::analyze::{
    CjsAnalysis, CjsAnalysisExports, CjsCodeAnalyzer, CjsModuleExportAnalyzer, EsmAnalysisMode,
    NodeCodeTranslator, NodeCodeTranslatorMode,
};
use node_resolver::errors::PackageJsonLoadError;

use super::Sys;
use super::resolve::Packages;
use crate::typescript::transpile;
use crate::typescript::transpile::{Cjs, Exports};

type Tracker = CjsTracker<DenoInNpmPackageChecker, Sys>;

pub(super) struct CommonJs {
    tracker: Arc<Tracker>,
    pub(super) translator: NodeCodeTranslator<
        Analyzer,
        DenoInNpmPackageChecker,
        DenoIsBuiltInNodeModuleChecker,
        NpmResolver<Sys>,
        Sys,
    >,
}

impl CommonJs {
    pub(super) fn new(packages: &Packages) -> Self {
        let tracker = Arc::new(CjsTracker::new(
            packages.in_npm.clone(),
            packages.package_json.clone(),
            // Like Node: without a "type" in package.json the syntax decides.
            IsCjsResolutionMode::ImplicitTypeCommonJs,
            Vec::new(),
        ));
        let exports = Arc::new(CjsModuleExportAnalyzer::new(
            Analyzer { tracker: tracker.clone() },
            packages.in_npm.clone(),
            packages.node.clone(),
            packages.npm.clone(),
            packages.package_json.clone(),
            Sys::default(),
        ));
        Self {
            tracker,
            translator: NodeCodeTranslator::new(exports, NodeCodeTranslatorMode::ModuleLoader),
        }
    }

    /// Whether the name and the package of a file allow it to be `CommonJS`.
    pub(super) fn may_be(&self, url: &Url) -> Result<bool, PackageJsonLoadError> {
        self.tracker.is_maybe_cjs(url, MediaType::from_specifier(url))
    }

    /// [`may_be`](Self::may_be) for a file that `require()` loads.
    pub(super) fn may_be_required(&self, url: &Url) -> Result<bool, PackageJsonLoadError> {
        self.tracker.is_maybe_cjs_from_require(url, MediaType::from_specifier(url))
    }
}

/// Whether the first statement is an `import` or `export`. This is true of most ES modules and avoids parsing them.
pub(super) fn starts_as_module(text: &str) -> bool {
    let mut rest = text;
    if rest.starts_with("#!") {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else if let Some(directive) = ["\"use strict\"", "'use strict'"]
            .iter()
            .find_map(|directive| rest.strip_prefix(directive))
        {
            rest = directive.trim_start().trim_start_matches(';');
        } else {
            break;
        }
    }
    let follows = |word| {
        rest.strip_prefix(word).and_then(|rest: &str| {
            let next = rest.trim_start();
            // Without a space the word may be the start of a longer name.
            let is_word = next.len() < rest.len() || rest.starts_with(['{', '*', '"', '\'']);
            next.chars().next().filter(|_| is_word)
        })
    };
    // `import(` is an expression. A comment after the word is left to the parser.
    let is_import = follows("import").is_some_and(|next| is_name(next) || "{*\"'".contains(next));
    is_import || follows("export").is_some_and(|next| is_name(next) || "{*@".contains(next))
}

fn is_name(next: char) -> bool {
    next.is_alphabetic() || matches!(next, '_' | '$')
}

pub(super) struct Analyzer {
    tracker: Arc<Tracker>,
}

impl Analyzer {
    fn analyze<'a>(
        &self,
        url: &Url,
        source: Cow<'a, str>,
        mode: EsmAnalysisMode,
    ) -> Result<CjsAnalysis<'a>, JsErrorBox> {
        let media = MediaType::from_specifier(url);
        if media == MediaType::Json {
            return Ok(CjsAnalysis::Cjs(no_exports()));
        }
        let may_be = self.tracker.is_maybe_cjs(url, media).map_err(JsErrorBox::from_err)?;
        let all = mode == EsmAnalysisMode::SourceImportsAndExports;
        if !is_script_file(media, &source) || (!may_be && !all) {
            return Ok(CjsAnalysis::Esm(source, all.then(no_exports)));
        }
        let cjs = match media {
            MediaType::Cjs | MediaType::Cts => Cjs::Yes,
            _ if may_be => Cjs::Maybe,
            _ => Cjs::No,
        };
        let found = match transpile::exports(url, media, &source, cjs) {
            // V8 accepts more scripts than the parser and reports syntax errors better.
            Err(transpile::Error::Syntax(_)) if may_be && !media.is_emittable() => {
                Exports { is_cjs: true, names: Vec::new(), reexports: Vec::new() }
            }
            found => found.map_err(JsErrorBox::from_err)?,
        };
        if may_be {
            // Cached for `require()`.
            self.tracker
                .is_cjs_with_known_is_script(url, media, found.is_cjs)
                .map_err(JsErrorBox::from_err)?;
        }
        let exports = exports(found.names, found.reexports);
        Ok(if found.is_cjs {
            CjsAnalysis::Cjs(exports)
        } else {
            CjsAnalysis::Esm(source, all.then_some(exports))
        })
    }
}

#[async_trait::async_trait(?Send)]
impl CjsCodeAnalyzer for Analyzer {
    async fn analyze_cjs<'a>(
        &self,
        specifier: &Url,
        maybe_source: Option<Cow<'a, str>>,
        mode: EsmAnalysisMode,
    ) -> Result<CjsAnalysis<'a>, JsErrorBox> {
        // Without a source the file may not be read. Its exports are then only known when it runs.
        match maybe_source {
            Some(source) => self.analyze(specifier, source, mode),
            None => Ok(CjsAnalysis::Cjs(no_exports())),
        }
    }

    async fn analyze_cjs_member_props<'a>(
        &self,
        _specifier: &Url,
        _maybe_source: Option<Cow<'a, str>>,
        _member: &str,
    ) -> Result<Option<Vec<String>>, JsErrorBox> {
        // `analyze_cjs` reports no member re-exports, so there is nothing to narrow.
        Ok(None)
    }
}

/// Packages require binary files too, which swc cannot parse.
fn is_script_file(media: MediaType, source: &str) -> bool {
    match media {
        MediaType::Unknown => !source.contains(['\0', char::REPLACEMENT_CHARACTER]),
        MediaType::JavaScript | MediaType::Mjs | MediaType::Cjs | MediaType::Jsx => true,
        other => other.is_emittable(),
    }
}

fn no_exports() -> CjsAnalysisExports {
    exports(Vec::new(), Vec::new())
}

fn exports(exports: Vec<String>, reexports: Vec<String>) -> CjsAnalysisExports {
    CjsAnalysisExports { exports, reexports, member_reexports: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_recognized_by_its_first_statement() {
        let modules = [
            "import fs from 'fs'",
            "import{a}from 'a'",
            "import * as a from 'a'",
            "import'a'",
            "#!/usr/bin/env node\n// import\n/* x */ 'use strict';\n export default 1",
            "\"use strict\"\nexport {}",
            "export * from 'a'",
        ];
        for text in modules {
            assert!(starts_as_module(text), "{text}");
        }
        let scripts = [
            "",
            "#!/usr/bin/env node",
            "// import a from 'a'",
            "/* import",
            "import('a')",
            "import ('a')",
            "import /* a */ ('a')",
            "import.meta.url",
            "imported()",
            "exports.a = 1",
            "export_all()",
            "'use strict' + import_all",
            "const a = 1; export { a }",
            "importé('a')",
        ];
        for text in scripts {
            assert!(!starts_as_module(text), "{text}");
        }
    }
}
