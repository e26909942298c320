//! V8's code of the engine's own modules.
//!
//! The executable contains the code of modules that scripts use most. The first isolate that needs another module
//! compiles it; later ones use the cached code. The cache is bounded by the number of these modules, and scripts cannot
//! influence its content.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use deno_runtime::deno_core::SourceCodeCacheInfo;
use deno_runtime::deno_core::url::Url;
use parking_lot::RwLock;

use crate::isolate::engine_files;

/// Code by URL, for modules whose code the executable does not contain, or contains for other V8 flags. Entries are
/// never removed.
static CACHE: LazyLock<RwLock<HashMap<String, &'static [u8]>>> = LazyLock::new(RwLock::default);

/// Returns `None` for modules that are not the engine's: they are not cached.
pub(super) fn get(module: &Url) -> Option<SourceCodeCacheInfo> {
    if !is_builtin(module) {
        return None;
    }
    let compiled = CACHE.read().get(module.as_str()).copied();
    let data = compiled.or_else(|| engine_files::code(module.as_str())).map(Cow::Borrowed);
    // The hash identifies a version of the source; here each module has only one.
    Some(SourceCodeCacheInfo { hash: 0, data })
}

/// Stores the code of a module for which [`get`] had none, or none that V8 has accepted.
pub(super) fn store(module: &Url, data: &[u8]) {
    CACHE.write().insert(module.to_string(), Box::leak(data.into()));
}

/// Whether a module is the engine's.
pub(super) fn is_builtin(module: &Url) -> bool {
    matches!(module.scheme(), "ext" | "node")
}

/// Whether a module is one of Node's or implements one.
pub(super) fn is_node(module: &Url) -> bool {
    module.scheme() == "node" || module.as_str().starts_with("ext:deno_node/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::modules::test_run::run;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn v8_accepts_the_code_in_the_executable() {
        run(&"import 'node:fs'\nimport 'node:path'\nimport 'node:events'\n".into());
        let cache = CACHE.read();
        let compiled: Vec<_> =
            cache.keys().filter(|module| engine_files::code(module).is_some()).collect();
        assert!(compiled.is_empty(), "V8 has compiled {compiled:?} again");
    }

    /// The isolate compiles this module again, so it has asked for its code.
    #[test]
    fn code_that_v8_rejects_is_replaced() {
        let module = url("ext:deno_node/dgram.ts");
        store(&module, &[0; 256]);
        run(&"import 'node:dgram'\n".into());
        let data = get(&module).and_then(|found| found.data).expect("code");
        assert_ne!(data.as_ref(), [0; 256]);
        run(&"import 'node:dgram'\n".into());
        let again = get(&module).and_then(|found| found.data).expect("code");
        assert_eq!(again.as_ptr(), data.as_ptr(), "the code was compiled again");
    }

    #[test]
    fn scripts_are_not_cached() {
        for script in ["file:///a.mjs", "data:text/javascript,1", "blob:null/1"] {
            assert!(get(&url(script)).is_none(), "{script}");
        }
    }
}
