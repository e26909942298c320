//! `compilerOptions`: how TypeScript and JSX are compiled.

use deno_ast::{
    DecoratorsTranspileOption, JsxAutomaticOptions, JsxClassicOptions, JsxPrecompileOptions,
    JsxRuntime, TranspileOptions,
};
use serde_json::{Map, Value};

use super::error::ProjectError;
use crate::typescript::transpile;

/// The options and the file that contains them, for errors.
#[derive(Clone, Default)]
pub(super) struct CompilerOptions {
    file: String,
    options: Map<String, Value>,
}

impl CompilerOptions {
    /// From the file's `compilerOptions`.
    pub(super) fn new(file: String, options: Option<&Value>) -> Result<Self, ProjectError> {
        let options = match options {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(options)) => options.clone(),
            Some(_) => {
                let (option, expected) = ("compilerOptions", "an object");
                return Err(ProjectError::Option { file, option, expected });
            }
        };
        Ok(Self { file, options })
    }

    pub(super) fn get(&self, option: &str) -> Option<&Value> {
        self.options.get(option).filter(|value| !value.is_null())
    }

    /// Adds the options of `other` that are not set here.
    pub(super) fn inherit(&mut self, other: Self) {
        for (option, value) in other.options {
            self.options.entry(option).or_insert(value);
        }
    }

    pub(super) fn string(&self, option: &'static str) -> Result<Option<&str>, ProjectError> {
        let wrong = || self.wrong(option, "a string");
        self.get(option).map(|value| value.as_str().ok_or_else(wrong)).transpose()
    }

    fn flag(&self, option: &'static str) -> Result<bool, ProjectError> {
        let wrong = || self.wrong(option, "true or false");
        self.get(option).map_or(Ok(false), |value| value.as_bool().ok_or_else(wrong))
    }

    pub(super) fn wrong(&self, option: &'static str, expected: &'static str) -> ProjectError {
        ProjectError::Option { file: self.file.clone(), option, expected }
    }

    pub(super) fn transpile_options(&self) -> Result<TranspileOptions, ProjectError> {
        let decorators = if self.flag("experimentalDecorators")? {
            DecoratorsTranspileOption::LegacyTypeScript {
                emit_metadata: self.flag("emitDecoratorMetadata")?,
            }
        } else {
            DecoratorsTranspileOption::Ecma
        };
        Ok(TranspileOptions {
            decorators,
            jsx: Some(self.jsx()?),
            verbatim_module_syntax: self.flag("verbatimModuleSyntax")?,
            ..transpile::options()
        })
    }

    fn jsx(&self) -> Result<JsxRuntime, ProjectError> {
        let import_source = self.string("jsxImportSource")?.map(str::to_owned);
        let automatic =
            |development, import_source| JsxAutomaticOptions { development, import_source };
        Ok(match self.string("jsx")? {
            // `preserve` leaves JSX to a later compiler; there is none here.
            Some("react-jsx" | "preserve" | "react-native") => {
                JsxRuntime::Automatic(automatic(false, import_source))
            }
            None if import_source.is_some() => {
                JsxRuntime::Automatic(automatic(false, import_source))
            }
            Some("react-jsxdev") => JsxRuntime::Automatic(automatic(true, import_source)),
            Some("precompile") => JsxRuntime::Precompile(JsxPrecompileOptions {
                automatic: automatic(false, import_source),
                skip_elements: self.list("jsxPrecompileSkipElements")?,
                dynamic_props: None,
            }),
            Some("react") | None => {
                let mut classic = JsxClassicOptions::default();
                if let Some(factory) = self.string("jsxFactory")? {
                    factory.clone_into(&mut classic.factory);
                }
                if let Some(factory) = self.string("jsxFragmentFactory")? {
                    factory.clone_into(&mut classic.fragment_factory);
                }
                JsxRuntime::Classic(classic)
            }
            Some(_) => {
                let expected =
                    "\"react\", \"react-jsx\", \"react-jsxdev\", \"preserve\" or \"precompile\"";
                return Err(self.wrong("jsx", expected));
            }
        })
    }

    fn list(&self, option: &'static str) -> Result<Option<Vec<String>>, ProjectError> {
        let wrong = || self.wrong(option, "a list of strings");
        let Some(value) = self.get(option) else { return Ok(None) };
        let entries = value.as_array().ok_or_else(wrong)?.iter();
        let strings = entries.map(|entry| entry.as_str().map(str::to_owned).ok_or_else(wrong));
        strings.collect::<Result<_, _>>().map(Some)
    }
}
