//! What Deno's `require()` asks of us: may this be read, and what is in it.

use std::borrow::Cow;
use std::path::Path;

use deno_ast::MediaType;
use deno_error::JsErrorBox;
use deno_runtime::deno_core::FastString;
use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_node::{NodeRequireLoader, default_resolve_require_node_module_paths};
use deno_runtime::deno_permissions::{OpenAccessKind, PermissionsContainer};
use node_resolver::errors::PackageJsonLoadError;

use super::Loader;
use super::errors::{ImportedFrom, LoadError, guard};
use super::source::read_text;
use crate::transpile::{self, Cjs};

impl Loader {
    /// What is installed for the script or was imported already needs no permission to be required.
    pub(super) fn check_read<'a>(
        &self,
        permissions: &mut PermissionsContainer,
        path: Cow<'a, Path>,
    ) -> Result<Cow<'a, Path>, JsErrorBox> {
        if permissions.query_read_all()
            || self.packages.is_installed(&path)
            || self.is_loaded(&path)
        {
            return Ok(path);
        }
        permissions
            .check_open(path, OpenAccessKind::Read, Some("require()"))
            .map(deno_runtime::deno_permissions::CheckedPath::into_path)
            .map_err(JsErrorBox::from_err)
    }

    fn is_loaded(&self, path: &Path) -> bool {
        Url::from_file_path(path).is_ok_and(|url| self.loaded.borrow().contains(&url))
    }

    fn read_required(&self, path: &Path) -> Result<FastString, JsErrorBox> {
        let text = read_text(path).map_err(JsErrorBox::from_err)?;
        let media = MediaType::from_path(path);
        if !media.is_emittable() {
            return Ok(text.into());
        }
        let url = Url::from_file_path(path)
            .map_err(|()| JsErrorBox::from_err(LoadError::Entry(path.to_owned())))?;
        if self.packages.contains(&url) {
            return Err(JsErrorBox::from_err(LoadError::TypesInPackage {
                module: url.to_string(),
                from: ImportedFrom::default(),
            }));
        }
        self.loaded.borrow_mut().insert(url.clone());
        let emitted =
            transpile::emit(&url, media, &text, Cjs::Yes).map_err(JsErrorBox::from_err)?;
        self.keep_map(&url, emitted.map);
        Ok(emitted.text.into())
    }
}

impl NodeRequireLoader for Loader {
    fn ensure_read_permission<'a>(
        &self,
        permissions: &mut PermissionsContainer,
        path: Cow<'a, Path>,
    ) -> Result<Cow<'a, Path>, JsErrorBox> {
        self.check_read(permissions, path)
    }

    fn load_text_file_lossy(&self, path: &Path) -> Result<FastString, JsErrorBox> {
        guard(&path.to_string_lossy(), || self.read_required(path), JsErrorBox::from_err)
    }

    fn is_maybe_cjs(&self, specifier: &Url) -> Result<bool, PackageJsonLoadError> {
        self.commonjs.may_be(specifier)
    }

    fn is_maybe_cjs_from_require(&self, specifier: &Url) -> Result<bool, PackageJsonLoadError> {
        self.commonjs.may_be_required(specifier)
    }

    fn resolve_require_node_module_paths(&self, from: &Path) -> Vec<String> {
        // A bundle lies nowhere, and so has no packages beside it.
        match &self.bundle {
            Some(_) => Vec::new(),
            None => default_resolve_require_node_module_paths(from),
        }
    }
}
