//! Classifies specifiers by their text alone.

use deno_runtime::deno_core::url::Url;
use deno_semver::jsr::JsrPackageReqReference;
use deno_semver::npm::NpmPackageReqReference;
use node_resolver::{DenoIsBuiltInNodeModuleChecker, IsBuiltInNodeModuleChecker};

/// Built-in modules that Node has only with the scheme `node:`. Without it these are names of packages.
const WITH_SCHEME_ONLY: [&str; 4] = ["sea", "sqlite", "test", "test/reporters"];

/// Whether a specifier without a scheme names a built-in module, which takes precedence over packages.
pub(super) fn is_builtin(specifier: &str) -> bool {
    !WITH_SCHEME_ONLY.contains(&specifier)
        && DenoIsBuiltInNodeModuleChecker.is_builtin_node_module(specifier)
}

pub(super) fn is_relative(specifier: &str) -> bool {
    specifier.starts_with('/')
        || specifier.starts_with("./")
        || specifier.starts_with("../")
        || matches!(specifier, "." | "..")
}

/// The npm name of a JSR package. JSR publishes its packages to its own npm registry as `@jsr/scope__name`.
pub(super) fn jsr_on_npm(url: &Url) -> Option<NpmPackageReqReference> {
    let reference = JsrPackageReqReference::from_specifier(url).ok()?;
    let (scope, name) = reference.req().name.strip_prefix('@')?.split_once('/')?;
    let version = reference.req().version_req.version_text();
    let path = reference.sub_path().map(|path| format!("/{path}")).unwrap_or_default();
    NpmPackageReqReference::from_str(&format!("npm:@jsr/{scope}__{name}@{version}{path}")).ok()
}

/// `@scope/name/sub/path` → `@scope/name`.
pub(super) fn package_name(specifier: &str) -> &str {
    let slashes = usize::from(specifier.starts_with('@'));
    match specifier.match_indices('/').nth(slashes) {
        Some((at, _)) => &specifier[..at],
        None => specifier,
    }
}

/// Whether the path inside a package leaves the package.
pub(super) fn leaves_package(specifier: &str) -> bool {
    let is_parent = |part: &str| {
        matches!(part.to_ascii_lowercase().as_str(), ".." | ".%2e" | "%2e." | "%2e%2e")
    };
    specifier.split(['/', '\\']).any(is_parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_without_its_path() {
        assert_eq!(package_name("kkrpc"), "kkrpc");
        assert_eq!(package_name("kkrpc/deno"), "kkrpc");
        assert_eq!(package_name("@scope/name/sub/path"), "@scope/name");
        assert_eq!(package_name("@scope"), "@scope");
    }

    #[test]
    fn jsr_packages_have_an_npm_name() {
        let on_npm = |text: &str| jsr_on_npm(&Url::parse(text).unwrap()).map(|it| it.to_string());
        assert_eq!(on_npm("jsr:@std/path@1/posix").unwrap(), "npm:@jsr/std__path@1/posix");
        assert!(on_npm("jsr:@std/path").unwrap().starts_with("npm:@jsr/std__path"));
        assert_eq!(on_npm("jsr:path"), None);
    }

    #[test]
    fn paths_that_leave_their_package_are_recognized() {
        for path in ["p/../x", "p/a/..", "@s/p/%2E%2e/x", "p/.%2e/x", "npm:p/../../x", "p\\..\\x"] {
            assert!(leaves_package(path), "{path}");
        }
        for path in ["p", "p/a/b", "p/..a", "p/a..", "@s/p/./x", "p/..."] {
            assert!(!leaves_package(path), "{path}");
        }
    }
}
