//! Caches V8's code of the engine's own modules for later isolates.
//!
//! The first isolate that needs a module compiles it; later ones use the cached code. The cache is bounded by the number
//! of these modules, and scripts cannot influence its content.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use deno_runtime::deno_core::SourceCodeCacheInfo;
use deno_runtime::deno_core::url::Url;
use parking_lot::RwLock;

/// Code by URL. Entries are never evicted.
static CACHE: LazyLock<RwLock<HashMap<String, &'static [u8]>>> = LazyLock::new(RwLock::default);

/// Returns `None` for modules that are not the engine's: they are not cached.
pub(super) fn get(module: &Url) -> Option<SourceCodeCacheInfo> {
    if !matches!(module.scheme(), "ext" | "node") {
        return None;
    }
    let cache = CACHE.read();
    let data = cache.get(module.as_str()).map(|data| Cow::Borrowed(*data));
    // The hash identifies a version of the source; here each module has only one.
    Some(SourceCodeCacheInfo { hash: 0, data })
}

/// Stores the code of a module for which [`get`] had none.
pub(super) fn store(module: &Url, data: &[u8]) {
    let mut cache = CACHE.write();
    cache.entry(module.to_string()).or_insert_with(|| Box::leak(data.into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn the_first_code_of_a_builtin_module_is_cached() {
        let module = url("ext:test/compiled.js");
        assert!(get(&module).is_some_and(|found| found.data.is_none()), "cacheable and empty");
        store(&module, b"first");
        store(&module, b"second");
        let found = get(&module).and_then(|found| found.data);
        assert_eq!(found.as_deref(), Some(&b"first"[..]));
    }

    #[test]
    fn scripts_are_not_cached() {
        for script in ["file:///a.mjs", "data:text/javascript,1", "blob:null/1"] {
            assert!(get(&url(script)).is_none(), "{script}");
        }
    }
}
