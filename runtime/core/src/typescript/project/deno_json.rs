//! `deno.json` and its import map, in the file itself or in a file that it names.

use std::path::Path;

use deno_config::deno_json::ConfigFile;
use deno_runtime::deno_core::url::Url;
use import_map::{ImportMap, ImportMapErrorKind};
use serde_json::Value;

use super::compiler_options::CompilerOptions;
use super::error::ProjectError;
use super::file;
use super::paths::Paths;
use super::tsconfig;

pub(super) struct DenoJson {
    file: String,
    map: Option<ImportMap>,
    is_workspace: bool,
    pub(super) compiler_options: Option<CompilerOptions>,
    pub(super) paths: Option<Paths>,
}

impl DenoJson {
    pub(super) fn read(path: &Path) -> Result<Self, ProjectError> {
        let name = file::name(path);
        let failed = |reason: String| ProjectError::Deno { file: name.clone(), reason };
        // Its errors have the line and column.
        let object = file::object(path)?;
        let address =
            Url::from_file_path(path).map_err(|()| failed("its path is odd".to_owned()))?;
        let text = Value::Object(object).to_string();
        let config = ConfigFile::new(&text, address).map_err(|error| failed(error.to_string()))?;
        let options = config.json.compiler_options.as_ref();
        let compiler_options =
            options.map(|options| CompilerOptions::new(name.clone(), Some(options))).transpose()?;
        let paths = match &compiler_options {
            Some(options) => tsconfig::paths(options, path)?,
            None => None,
        };
        Ok(Self {
            paths,
            map: import_map(&config, &name)?,
            is_workspace: config.is_workspace(),
            compiler_options,
            file: name,
        })
    }

    pub(super) fn is_workspace(&self) -> bool {
        self.is_workspace
    }

    /// `None` for a specifier that the map does not contain.
    pub(super) fn resolve(
        &self,
        specifier: &str,
        referrer: &Url,
    ) -> Result<Option<Url>, ProjectError> {
        let Some(map) = &self.map else { return Ok(None) };
        // `ImportMap::resolve` returns this for a specifier that the map does not contain.
        let plain = if specifier.starts_with(['.', '/']) {
            referrer.join(specifier).ok()
        } else {
            Url::parse(specifier).ok()
        };
        match map.resolve(specifier, referrer) {
            Ok(url) if Some(&url) == plain.as_ref() => Ok(None),
            Ok(url) => Ok(Some(url)),
            Err(error) if is_unmapped(error.as_kind()) => Ok(None),
            Err(error) => {
                Err(ProjectError::ImportMap { file: self.file.clone(), reason: error.to_string() })
            }
        }
    }
}

fn is_unmapped(error: &ImportMapErrorKind) -> bool {
    matches!(error, ImportMapErrorKind::UnmappedBareSpecifier(..))
}

/// The import map in the file itself, or in the file that it names.
fn import_map(config: &ConfigFile, name: &str) -> Result<Option<ImportMap>, ProjectError> {
    if config.is_an_import_map() {
        let value = config.to_import_map_value_from_imports();
        return parse(config.specifier.clone(), value, name).map(Some);
    }
    let Some(map) = config.json.import_map.clone() else { return Ok(None) };
    let failed = |reason: String| ProjectError::NoImportMap {
        file: name.to_owned(),
        map: map.clone(),
        reason,
    };
    let path = config.to_import_map_path().map_err(|error| failed(error.to_string()))?;
    let path = path.ok_or_else(|| failed("it is not the path of a file".to_owned()))?;
    if !path.is_file() {
        return Err(failed("it is not there".to_owned()));
    }
    let value = Value::Object(file::object(&path)?);
    let base = Url::from_file_path(&path).map_err(|()| failed("its path is odd".to_owned()))?;
    parse(base, value, &file::name(&path)).map(Some)
}

fn parse(base: Url, value: Value, name: &str) -> Result<ImportMap, ProjectError> {
    let parsed = import_map::parse_from_value(base, value);
    let parsed = parsed.map_err(|error| ProjectError::ImportMap {
        file: name.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(parsed.import_map)
}
