//! Reads JSON with comments, with a limit on nesting.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::ProjectError;

/// The parser recurses once per level, on the stack of the isolate's thread.
const MAX_DEPTH: usize = 200;

pub(super) fn name(path: &Path) -> String {
    path.display().to_string()
}

/// The text of a file, nested no deeper than [`MAX_DEPTH`].
pub(super) fn text(path: &Path) -> Result<String, ProjectError> {
    let text = read(path)
        .map_err(|error| ProjectError::Read { file: name(path), reason: error.to_string() })?;
    if depth(&text) > MAX_DEPTH {
        return Err(ProjectError::Nested { file: name(path) });
    }
    Ok(text)
}

/// Replaces invalid UTF-8 by U+FFFD and removes a byte order mark.
fn read(path: &Path) -> std::io::Result<String> {
    // Reading a pipe could block forever.
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

/// How deeply brackets nest. Brackets in strings count too; the limit leaves enough room.
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
