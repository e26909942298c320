//! Reading of JSON that people write: with comments, and with a limit to nesting.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::ProjectError;

/// The parser descends once per level, on the stack of the isolate's thread.
const MAX_DEPTH: usize = 200;

pub(super) fn name(path: &Path) -> String {
    path.display().to_string()
}

/// The text of a file, which a parser can descend into.
pub(super) fn text(path: &Path) -> Result<String, ProjectError> {
    let text = read(path)
        .map_err(|error| ProjectError::Read { file: name(path), reason: error.to_string() })?;
    if depth(&text) > MAX_DEPTH {
        return Err(ProjectError::Nested { file: name(path) });
    }
    Ok(text)
}

/// As everywhere, bytes that are not UTF-8 become replacement characters, and a byte order mark is
/// no part of a text.
fn read(path: &Path) -> std::io::Result<String> {
    // A pipe could keep the thread for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let bytes = std::fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(&text).to_owned())
}

pub(super) fn object(path: &Path) -> Result<Map<String, Value>, ProjectError> {
    let parsed = jsonc_parser::parse_to_serde_value::<Value>(
        &text(path)?,
        &jsonc_parser::ParseOptions::default(),
    );
    match parsed {
        Ok(Value::Object(object)) => Ok(object),
        // An empty file sets nothing.
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(ProjectError::NoObject { file: name(path) }),
        Err(error) => Err(ProjectError::Json {
            file: name(path),
            line: error.line_display(),
            column: error.column_display(),
        }),
    }
}

/// How deeply brackets nest. Those in strings count too, which is far from mattering.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
