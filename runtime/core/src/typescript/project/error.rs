//! Errors in project files, with their remedy.
//!
//! Messages contain the position of an error in a file, and none of its text.

#[derive(Debug, Clone, thiserror::Error, deno_error::JsError)]
#[class(type)]
pub(crate) enum ProjectError {
    #[error("Cannot read '{file}': {reason}. Make it readable, or remove it")]
    Read { file: String, reason: String },

    #[error(
        "'{file}' is not valid JSON: line {line}, column {column}. \
         Correct it; comments and trailing commas are allowed"
    )]
    Json { file: String, line: usize, column: usize },

    #[error("'{file}' is nested too deeply")]
    Nested { file: String },

    #[error("'{file}' is not a JSON object. Put its settings between {{ and }}")]
    NoObject { file: String },

    #[error("\"{option}\" in '{file}' has to be {expected}")]
    Option { file: String, option: &'static str, expected: &'static str },

    #[error(
        "'{file}' extends \"{target}\", which is not there. \
         Correct \"extends\", or install the package that has it"
    )]
    Extends { file: String, target: String },

    #[error("'{file}' extends itself. Remove one \"extends\" of the circle")]
    Circle { file: String },

    #[error("'{file}' cannot be used: {reason}. Correct it")]
    Deno { file: String, reason: String },

    #[error(
        "'{file}' names the import map \"{map}\", which cannot be used: {reason}. Correct \"importMap\""
    )]
    NoImportMap { file: String, map: String, reason: String },

    #[error("The import map in '{file}' cannot be used: {reason}. Correct it")]
    ImportMap { file: String, reason: String },
}
