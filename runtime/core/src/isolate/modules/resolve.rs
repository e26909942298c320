//! Resolves specifiers to URLs, for scripts on the disk.
//!
//! Follows Deno for its own schemes (`npm:`, `jsr:`) and Node's algorithm for packages. Except inside packages, a
//! missing module is an error only when it is loaded. Nothing is fetched: a module must be on the disk.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use deno_ast::MediaType;
use deno_resolver::npm::{
    ByonmNpmResolverCreateOptions, CreateInNpmPkgCheckerOptions, DenoInNpmPackageChecker,
    NpmReqResolver, NpmReqResolverOptions, NpmResolver, NpmResolverCreateOptions,
};
use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_node::NodeResolver;
use deno_semver::npm::NpmPackageReqReference;
use node_resolver::cache::NodeResolutionSys;
use node_resolver::{
    DenoIsBuiltInNodeModuleChecker, InNpmPackageChecker, IsBuiltInNodeModuleChecker,
    NodeResolution, NodeResolutionKind, PackageJsonResolver, PackageJsonThreadLocalCache,
    ResolutionMode, UrlOrPath,
};

use super::Sys;
use super::errors::{ImportedFrom, LoadError};
use super::installed::Installed;
use super::specifier::{is_builtin, is_relative, jsr_on_npm, leaves_package, package_name};
use crate::isolate::sandbox::permissions::Writable;
use crate::typescript::project::{Project, ProjectError, Projects, Target};

/// Node's resolution algorithm.
pub(super) type Node = NodeResolver<DenoInNpmPackageChecker, NpmResolver<Sys>, Sys>;

/// Whether the script may know if a file exists.
type MayProbe<'a> = &'a dyn Fn(&Path) -> bool;

/// Finds packages in existing `node_modules` folders.
pub(super) struct Packages {
    pub(super) node: Arc<Node>,
    pub(super) package_json: Arc<PackageJsonResolver<Sys>>,
    pub(super) npm: NpmResolver<Sys>,
    pub(super) in_npm: DenoInNpmPackageChecker,
    pub(super) installed: Installed,
    projects: Projects,
    requests: NpmReqResolver<
        DenoInNpmPackageChecker,
        DenoIsBuiltInNodeModuleChecker,
        NpmResolver<Sys>,
        Sys,
    >,
}

impl Packages {
    /// `folder` is the folder of the script; `None` if it has no path.
    pub(super) fn new(folder: Option<&Path>, writable: Writable) -> Self {
        let cached = NodeResolutionSys::new(Sys::default(), None);
        let package_json = Arc::new(PackageJsonResolver::new(
            Sys::default(),
            Some(Arc::new(PackageJsonThreadLocalCache)),
        ));
        let in_npm = DenoInNpmPackageChecker::new(CreateInNpmPkgCheckerOptions::Byonm);
        let root_node_modules_dir = folder.and_then(|folder| {
            folder.ancestors().map(|at| at.join("node_modules")).find(|found| found.is_dir())
        });
        let npm = NpmResolver::<Sys>::new(NpmResolverCreateOptions::Byonm(
            ByonmNpmResolverCreateOptions {
                root_node_modules_dir,
                search_stop_dir: None,
                sys: cached.clone(),
                pkg_json_resolver: package_json.clone(),
            },
        ));
        let node = Arc::new(NodeResolver::new(
            in_npm.clone(),
            DenoIsBuiltInNodeModuleChecker,
            npm.clone(),
            package_json.clone(),
            cached,
            node_resolver::NodeResolverOptions::default(),
        ));
        let requests = NpmReqResolver::new(NpmReqResolverOptions {
            in_npm_pkg_checker: in_npm.clone(),
            node_resolver: node.clone(),
            npm_resolver: npm.clone(),
            sys: Sys::default(),
        });
        let installed = Installed::new(folder, writable);
        let projects = Projects::new(folder.is_some());
        Self { node, package_json, npm, in_npm, installed, projects, requests }
    }

    pub(super) fn contains(&self, url: &Url) -> bool {
        self.in_npm.in_npm_package(url)
    }

    /// The project of a module. Packages are compiled already and belong to no project.
    pub(super) fn project(&self, module: &Url) -> Result<Rc<Project>, ProjectError> {
        if self.contains(module) { Ok(Rc::default()) } else { self.projects.of(module) }
    }

    pub(super) fn resolve(
        &self,
        specifier: &str,
        referrer: &Url,
        may_probe: MayProbe<'_>,
    ) -> Result<Url, LoadError> {
        match self.project(referrer) {
            Ok(project) => self.resolve_in(&project, specifier, referrer, may_probe),
            // JavaScript does not need a valid project, as in Node.
            Err(error) if !MediaType::from_specifier(referrer).is_emittable() => {
                let plain = self.resolve_in(&Project::default(), specifier, referrer, may_probe);
                plain.map_err(|plain| match plain {
                    LoadError::NotInstalled { .. } => error.into(),
                    other => other,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn resolve_in(
        &self,
        project: &Project,
        specifier: &str,
        referrer: &Url,
        may_probe: MayProbe<'_>,
    ) -> Result<Url, LoadError> {
        match project.mapped(specifier, referrer)? {
            // The target of a mapping is not mapped again.
            Some(url) => self.unmapped(&Project::default(), url.as_str(), referrer, may_probe),
            None => self.unmapped(project, specifier, referrer, may_probe),
        }
    }

    fn unmapped(
        &self,
        project: &Project,
        specifier: &str,
        referrer: &Url,
        may_probe: MayProbe<'_>,
    ) -> Result<Url, LoadError> {
        let from = ImportedFrom::url(referrer);
        if is_relative(specifier) {
            let url = referrer.join(specifier).map_err(|error| LoadError::Specifier {
                specifier: specifier.to_owned(),
                from,
                reason: error.to_string(),
            })?;
            return self.file(specifier, referrer, url, may_probe);
        }
        let Ok(url) = Url::parse(specifier) else {
            return self.named(project, specifier, referrer, may_probe);
        };
        match url.scheme() {
            "file" => self.file(specifier, referrer, url, may_probe),
            "data" => Ok(url),
            "node" if DenoIsBuiltInNodeModuleChecker.is_builtin_node_module(url.path()) => Ok(url),
            "node" => Err(LoadError::UnknownBuiltin { specifier: specifier.to_owned(), from }),
            "npm" => {
                let request = NpmPackageReqReference::from_specifier(&url).map_err(|error| {
                    let reason = error.to_string();
                    LoadError::Specifier { specifier: specifier.to_owned(), from, reason }
                })?;
                self.request(&request, specifier, referrer)
            }
            "jsr" => {
                let scheme = || LoadError::Scheme {
                    specifier: specifier.to_owned(),
                    scheme: "jsr".to_owned(),
                    from: ImportedFrom::url(referrer),
                };
                let on_npm = jsr_on_npm(&url).ok_or_else(scheme)?;
                self.request(&on_npm, specifier, referrer).map_err(|error| match error {
                    LoadError::NotInstalled { .. } => scheme(),
                    other => other,
                })
            }
            scheme => Err(LoadError::Scheme {
                specifier: specifier.to_owned(),
                scheme: scheme.to_owned(),
                from,
            }),
        }
    }

    /// Resolves the URL of a file. Symlinks are resolved for packages, as in Node.
    fn file(
        &self,
        specifier: &str,
        referrer: &Url,
        url: Url,
        may_probe: MayProbe<'_>,
    ) -> Result<Url, LoadError> {
        if url.scheme() != "file" {
            return Err(LoadError::Specifier {
                specifier: specifier.to_owned(),
                from: ImportedFrom::url(referrer),
                reason: "a relative specifier needs a file to be relative to".to_owned(),
            });
        }
        // Node checks that the file exists.
        if self.contains(referrer) && url.to_file_path().is_ok_and(|path| may_probe(&path)) {
            return self.by_node(specifier, referrer);
        }
        Ok(self.node.handle_if_in_node_modules(&url).unwrap_or(url))
    }

    /// Resolves a name: of a built-in module, a path mapping of the project, or a package.
    fn named(
        &self,
        project: &Project,
        specifier: &str,
        referrer: &Url,
        may_probe: MayProbe<'_>,
    ) -> Result<Url, LoadError> {
        if is_builtin(specifier) {
            return self.by_node(specifier, referrer);
        }
        let target = project.path(specifier, may_probe);
        if let Some(Target::File(path)) = &target
            && let Ok(url) = Url::from_file_path(path)
        {
            return self.file(specifier, referrer, url, may_probe);
        }
        let found = if specifier.starts_with('#') {
            self.by_node(specifier, referrer)
        } else {
            self.bare(specifier, referrer)
        };
        match (found, target) {
            (
                Err(LoadError::NotInstalled { from, .. }),
                Some(Target::Missing { pattern, file }),
            ) => {
                let specifier = specifier.to_owned();
                Err(LoadError::NoPath { specifier, from, pattern, file })
            }
            (found, _) => found,
        }
    }

    fn bare(&self, specifier: &str, referrer: &Url) -> Result<Url, LoadError> {
        if referrer.scheme() != "file" {
            return Err(not_installed(specifier, specifier, referrer));
        }
        stays_in_package(specifier, referrer)?;
        let found = self.requests.resolve_if_for_npm_pkg(
            specifier,
            referrer,
            ResolutionMode::Import,
            NodeResolutionKind::Execution,
        );
        match found {
            // Deno falls back to built-in modules that Node has only with the scheme.
            Ok(Some(NodeResolution::BuiltIn(_))) => Err(LoadError::SchemeMissing {
                specifier: specifier.to_owned(),
                from: ImportedFrom::url(referrer),
            }),
            Ok(Some(resolution)) => into_url(resolution, specifier, referrer),
            Ok(None) => Err(not_installed(specifier, specifier, referrer)),
            Err(error) if is_missing(&error.to_string()) => {
                Err(not_installed(specifier, specifier, referrer))
            }
            Err(error) => Err(failed(specifier, referrer, &error)),
        }
    }

    fn request(
        &self,
        request: &NpmPackageReqReference,
        specifier: &str,
        referrer: &Url,
    ) -> Result<Url, LoadError> {
        stays_in_package(specifier, referrer)?;
        // The folder is resolved first: only its absence means that the package is not installed.
        self.npm
            .resolve_pkg_folder_from_deno_module_req(request.req(), referrer)
            .map_err(|_| not_installed(specifier, &request.req().to_string(), referrer))?;
        self.requests
            .resolve_req_reference(
                request,
                referrer,
                ResolutionMode::Import,
                NodeResolutionKind::Execution,
            )
            .map_err(|error| failed(specifier, referrer, &error))
            .and_then(|found| url_of(found, specifier, referrer))
    }

    fn by_node(&self, specifier: &str, referrer: &Url) -> Result<Url, LoadError> {
        self.node
            .resolve(specifier, referrer, ResolutionMode::Import, NodeResolutionKind::Execution)
            .map_err(|error| failed(specifier, referrer, &error))
            .and_then(|resolution| into_url(resolution, specifier, referrer))
    }
}

fn into_url(resolution: NodeResolution, specifier: &str, referrer: &Url) -> Result<Url, LoadError> {
    resolution.into_url().map_err(|error| failed(specifier, referrer, &error))
}

fn url_of(found: UrlOrPath, specifier: &str, referrer: &Url) -> Result<Url, LoadError> {
    found.into_url().map_err(|error| failed(specifier, referrer, &error))
}

/// Refuses a path that leaves its package. Otherwise the error would reveal whether a file exists.
fn stays_in_package(specifier: &str, referrer: &Url) -> Result<(), LoadError> {
    if !leaves_package(specifier) {
        return Ok(());
    }
    Err(LoadError::Specifier {
        specifier: specifier.to_owned(),
        from: ImportedFrom::url(referrer),
        reason: "a path in a package has no \"..\"; import the other file by a relative path"
            .to_owned(),
    })
}

/// Whether Deno's message is that of a package that is declared but not installed.
fn is_missing(message: &str) -> bool {
    message.contains("Did you forget to run")
}

fn not_installed(specifier: &str, package: &str, referrer: &Url) -> LoadError {
    LoadError::NotInstalled {
        specifier: specifier.to_owned(),
        package: package_name(package).to_owned(),
        from: ImportedFrom::url(referrer),
    }
}

fn failed(specifier: &str, referrer: &Url, error: &dyn std::error::Error) -> LoadError {
    let reason = error.to_string();
    // Most of Node's messages name the importing file.
    let from = if reason.contains("imported from") {
        ImportedFrom::default()
    } else {
        ImportedFrom::url(referrer)
    };
    LoadError::Package { specifier: specifier.to_owned(), from, reason }
}
