//! The plugin as pages see it: real commands, the real permission files, real processes; only the
//! windows are Tauri's mock ones. What needs a real page is tested end to end.

mod contract;
mod forbidden;
mod hostile;
#[cfg(all(unix, feature = "embedded"))]
mod links;
#[path = "../../../core/tests/common/patience.rs"]
mod patience;
mod streams;
mod support;
mod windows;
#[cfg(not(feature = "embedded"))]
mod without_engine;
