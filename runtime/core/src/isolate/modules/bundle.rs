//! The URL of a module that is embedded in the application.
//!
//! No such path exists on the disk. It is a `file:` URL because code from bundlers needs one:
//! `createRequire(import.meta.url)` refuses other schemes, and `import.meta.filename` and `dirname` do not exist for
//! them. The folder is fixed, so that stacks are the same on every machine, and no `node_modules` or `package.json`
//! beside the executable is found.

use deno_runtime::deno_core::url::Url;

use super::errors::LoadError;

/// On Windows a `file:` URL needs a drive.
const ROOT: &str = if cfg!(windows) { "file:///C:/bundled/" } else { "file:///bundled/" };

/// `name` may contain slashes; `..` is dropped.
pub(super) fn address(name: &str) -> Result<Url, LoadError> {
    let failed = |reason: String| LoadError::Internal { specifier: name.to_owned(), reason };
    let mut url = Url::parse(ROOT).map_err(|error| failed(error.to_string()))?;
    {
        let mut path = url
            .path_segments_mut()
            .map_err(|()| failed("the bundle folder cannot contain a name".to_owned()))?;
        path.pop_if_empty();
        path.extend(name.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | "..")));
    }
    let is_module = [".js", ".mjs"].iter().any(|extension| url.path().ends_with(extension));
    if !is_module {
        url.set_path(&format!("{}.js", url.path()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> String {
        address(name).unwrap().as_str().trim_start_matches(ROOT).to_owned()
    }

    #[test]
    fn a_name_becomes_a_module_in_the_bundle_folder() {
        assert_eq!(path("main"), "main.js");
        assert_eq!(path("main.mjs"), "main.mjs");
        assert_eq!(path("workers/index"), "workers/index.js");
        assert_eq!(path("a b#c?d"), "a%20b%23c%3Fd.js");
    }

    #[test]
    fn a_name_stays_in_the_folder() {
        assert_eq!(path("../../etc/passwd"), "etc/passwd.js");
        assert_eq!(path("..\\x"), "x.js");
        assert_eq!(path("%2e%2e/x"), "%252e%252e/x.js");
    }
}
