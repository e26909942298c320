//! The engine's own modules as V8 has compiled them, kept for the isolates to come.
//!
//! The first isolate that needs one compiles it; for all others that is read. There are only so many of
//! them, each is always the same, and no script has a say in what is kept.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use deno_runtime::deno_core::SourceCodeCacheInfo;
use deno_runtime::deno_core::url::Url;
use parking_lot::RwLock;

/// By address. Never let go of: for the life of the application.
static COMPILED: LazyLock<RwLock<HashMap<String, &'static [u8]>>> = LazyLock::new(RwLock::default);

/// For a module of the engine's; nothing is kept of others.
pub(super) fn get(module: &Url) -> Option<SourceCodeCacheInfo> {
    if !matches!(module.scheme(), "ext" | "node") {
        return None;
    }
    let compiled = COMPILED.read();
    let data = compiled.get(module.as_str()).map(|data| Cow::Borrowed(*data));
    // The hash is for those who keep more than one source of a module.
    Some(SourceCodeCacheInfo { hash: 0, data })
}

/// Called with what V8 made of a module for which `get` had nothing.
pub(super) fn keep(module: &Url, data: &[u8]) {
    let mut compiled = COMPILED.write();
    compiled.entry(module.to_string()).or_insert_with(|| Box::leak(data.into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn what_was_made_of_an_engines_module_first_is_kept() {
        let module = url("ext:test/compiled.js");
        assert!(get(&module).is_some_and(|found| found.data.is_none()), "it is not to be kept");
        keep(&module, b"first");
        keep(&module, b"second");
        let found = get(&module).and_then(|found| found.data);
        assert_eq!(found.as_deref(), Some(&b"first"[..]));
    }

    #[test]
    fn nothing_is_kept_of_scripts() {
        for script in ["file:///a.mjs", "data:text/javascript,1", "blob:null/1"] {
            assert!(get(&url(script)).is_none(), "{script}");
        }
    }
}
