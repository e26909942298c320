//! The loader of Deno's `require()`: permissions, resolution and source text.
//!
//! The requiring file is untrusted: `createRequire()` accepts any path.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deno_ast::MediaType;
use deno_error::JsErrorBox;
use deno_runtime::deno_core::serde_json::{Map, Value};
use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_core::{FastString, OpState, op2};
use deno_runtime::deno_node::{
    NodeRequireLoader, NodeRequireLoaderRc, default_resolve_require_node_module_paths,
};
use deno_runtime::deno_permissions::PermissionsContainer;
use node_resolver::cache::NodeResolutionThreadLocalCache;
use node_resolver::errors::PackageJsonLoadError;
use node_resolver::{NodeResolutionKind, PackageJsonResolver, ResolutionMode, UrlOrPathRef};

use super::errors::{ImportedFrom, LoadError, guard};
use super::resolve::Node;
use super::source::read_text;
use super::{Loader, Sys};
use crate::typescript::transpile;
use crate::typescript::transpile::Cjs;

impl Loader {
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
        self.loaded.borrow_mut().insert(url.clone(), path.to_owned());
        let project = self.packages.project(&url).map_err(JsErrorBox::from_err)?;
        let options = project.options.clone();
        let emitted =
            transpile::emit(&url, media, &text, Cjs::Yes, options).map_err(JsErrorBox::from_err)?;
        self.store_map(&url, emitted.map);
        Ok(emitted.text.into())
    }
}

impl NodeRequireLoader for Loader {
    fn ensure_read_permission<'a>(
        &self,
        permissions: &mut PermissionsContainer,
        path: Cow<'a, Path>,
    ) -> Result<Cow<'a, Path>, JsErrorBox> {
        self.allowed(permissions, &path, "require()").map(Cow::Owned).map_err(JsErrorBox::from_err)
    }

    fn load_text_file_lossy(&self, path: &Path) -> Result<FastString, JsErrorBox> {
        guard(&path.to_string_lossy(), || self.read_required(path), JsErrorBox::from_err)
    }

    fn is_maybe_cjs(&self, specifier: &Url) -> Result<bool, PackageJsonLoadError> {
        self.commonjs.may_be(specifier)
    }

    fn is_maybe_cjs_from_require(&self, specifier: &Url) -> Result<bool, PackageJsonLoadError> {
        // The result reveals the content of a `package.json` above the file.
        if !specifier.to_file_path().is_ok_and(|path| self.may_probe(&path)) {
            return Ok(false);
        }
        self.commonjs.may_be_required(specifier)
    }

    fn resolve_require_node_module_paths(&self, from: &Path) -> Vec<String> {
        // A bundle has no path, and so no packages.
        match &self.bundle {
            Some(_) => Vec::new(),
            None => default_resolve_require_node_module_paths(from),
        }
    }
}

/// Resolves `require("me")` within the package `me` by its `exports`. Deno's own op reads the `package.json` of any file
/// that claims to require, without a permission check.
#[op2(stack_trace)]
#[string]
pub(crate) fn op_host_require_try_self(
    state: &mut OpState,
    #[string] parent: &str,
    #[string] request: &str,
) -> Result<Option<String>, JsErrorBox> {
    let loader = state.borrow::<NodeRequireLoaderRc>().clone();
    let permissions = state.borrow_mut::<PermissionsContainer>();
    let Ok(parent) = loader.ensure_read_permission(permissions, Path::new(parent).into()) else {
        return Ok(None);
    };
    let packages = state.borrow::<Arc<PackageJsonResolver<Sys>>>();
    let Ok(Some(package)) = packages.get_closest_package_json(&parent) else { return Ok(None) };
    let (Some(name), Some(exports)) = (&package.name, &package.exports) else { return Ok(None) };
    let Some(inside) = request.strip_prefix(name.as_str()) else { return Ok(None) };
    if !inside.is_empty() && !inside.starts_with('/') {
        return Ok(None);
    }
    let package = Exporting { path: &package.path, exports };
    package.find(state, inside, Some(&UrlOrPathRef::from_path(package.path))).map(Some)
}

/// Resolves `require("name/inside")` by the package's `exports`. Deno's own op reads the `package.json` of any folder
/// without a permission check.
#[op2(stack_trace)]
#[string]
pub(crate) fn op_host_require_resolve_exports(
    state: &mut OpState,
    _uses_local_node_modules: bool,
    #[string] folder: &str,
    #[string] _request: &str,
    #[string] name: &str,
    #[string] inside: &str,
    #[string] parent: &str,
) -> Result<Option<String>, JsErrorBox> {
    let loader = state.borrow::<NodeRequireLoaderRc>().clone();
    let permissions = state.borrow_mut::<PermissionsContainer>();
    let mut found = None;
    // The package is a subfolder with its name, or the folder itself.
    for folder in [Path::new(folder).join(name), PathBuf::from(folder)] {
        let manifest = folder.join("package.json");
        if loader.ensure_read_permission(permissions, Cow::Borrowed(&manifest)).is_err() {
            return Ok(None);
        }
        if folder.is_dir() {
            found = Some(manifest);
            break;
        }
    }
    let Some(manifest) = found else { return Ok(None) };
    let packages = state.borrow::<Arc<PackageJsonResolver<Sys>>>();
    let package = packages.load_package_json(&manifest).map_err(JsErrorBox::from_err)?;
    let Some(package) = package else { return Ok(None) };
    let Some(exports) = &package.exports else { return Ok(None) };
    let parent = (!parent.is_empty()).then(|| UrlOrPathRef::from_path(Path::new(parent)));
    Exporting { path: &package.path, exports }.find(state, inside, parent.as_ref()).map(Some)
}

/// A package with `exports`.
struct Exporting<'a> {
    /// The path of its `package.json`.
    path: &'a Path,
    exports: &'a Map<String, Value>,
}

impl Exporting<'_> {
    fn find(
        &self,
        state: &OpState,
        inside: &str,
        parent: Option<&UrlOrPathRef<'_>>,
    ) -> Result<String, JsErrorBox> {
        let node = state.borrow::<Arc<Node>>();
        // Files may have changed since the last resolution.
        NodeResolutionThreadLocalCache::clear();
        let found = node
            .package_exports_resolve(
                self.path,
                &format!(".{inside}"),
                self.exports,
                parent,
                ResolutionMode::Require,
                node.require_conditions(),
                NodeResolutionKind::Execution,
            )
            .map_err(JsErrorBox::from_err)?;
        let found = found.into_path().map_err(JsErrorBox::from_err)?;
        Ok(found.to_string_lossy().into_owned())
    }
}
