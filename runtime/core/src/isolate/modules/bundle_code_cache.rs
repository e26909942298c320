//! Caches V8's code of bundles: the first start of a bundle compiles it, later ones in any isolate use the code.
//!
//! The code belongs to the application's copy of the source, and is dropped some time after it. Scripts cannot influence
//! it.

use std::borrow::Cow;
use std::sync::{Arc, Weak};

use deno_runtime::deno_core::SourceCodeCacheInfo;
use parking_lot::Mutex;

/// Identifies code of bundles; no other module of a script has code.
pub(super) const HASH: u64 = 1;

struct Entry {
    source: Weak<str>,
    code: Arc<[u8]>,
}

/// One entry for each bundle that has been started.
static CACHE: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// The code of a bundle, for a module with exactly this source: V8 compares no more than its length.
pub(super) fn get(source: &Arc<str>) -> SourceCodeCacheInfo {
    let data = code(source).map(|code| Cow::Owned(code.to_vec()));
    SourceCodeCacheInfo { hash: HASH, data }
}

/// Stores the code of a bundle for which [`get`] had none, or none that V8 has accepted.
pub(super) fn store(source: &Arc<str>, code: &[u8]) {
    let mut cache = CACHE.lock();
    cache.retain(|entry| entry.source.strong_count() > 0 && !entry.is_of(source));
    cache.push(Entry { source: Arc::downgrade(source), code: code.into() });
}

fn code(source: &Arc<str>) -> Option<Arc<[u8]>> {
    let cache = CACHE.lock();
    cache.iter().find(|entry| entry.is_of(source)).map(|entry| entry.code.clone())
}

impl Entry {
    fn is_of(&self, source: &Arc<str>) -> bool {
        std::ptr::addr_eq(self.source.as_ptr(), Arc::as_ptr(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::modules::test_run::run;

    #[test]
    fn later_starts_of_a_bundle_use_the_code_of_the_first() {
        let source: Arc<str> = "const add = (a, b) => a + b\nif (add(2, 3) !== 5) throw 1\n".into();
        assert!(code(&source).is_none());
        run(&source);
        let first = code(&source).expect("the first start stores the code");
        run(&source);
        let later = code(&source).expect("code");
        assert!(Arc::ptr_eq(&first, &later), "V8 has compiled it again");
    }

    /// The start compiles the bundle again, so it has asked for its code.
    #[test]
    fn code_that_v8_rejects_is_replaced() {
        let source: Arc<str> = "const subtract = (a, b) => a - b\nsubtract(5, 3)\n".into();
        store(&source, &[0; 256]);
        run(&source);
        assert_ne!(*code(&source).expect("code"), [0; 256]);
    }

    #[test]
    fn equal_sources_of_different_bundles_do_not_share_code_and_dropped_ones_have_none() {
        let (source, other): (Arc<str>, Arc<str>) = ("export {}".into(), "export {}".into());
        store(&source, b"code");
        assert_eq!(code(&source).as_deref(), Some(&b"code"[..]));
        assert!(code(&other).is_none());
        let dropped = Arc::downgrade(&source);
        drop(source);
        store(&other, b"other");
        assert!(!CACHE.lock().iter().any(|entry| entry.source.ptr_eq(&dropped)));
    }
}
