//! Modules that are compiled into the application, by name.

use std::collections::HashMap;
use std::sync::Arc;

/// Immutable once the supervisor runs; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Bundled(Arc<HashMap<String, Arc<str>>>);

impl Bundled {
    pub(crate) fn new(modules: HashMap<String, Arc<str>>) -> Self {
        Self(Arc::new(modules))
    }

    #[cfg(feature = "embedded")]
    pub(crate) fn get(&self, name: &str) -> Option<Arc<str>> {
        self.0.get(name).cloned()
    }
}
