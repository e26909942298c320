//! The plugin as pages see it: real commands, the real permission files, real processes; only the
//! windows are Tauri's mock ones. What needs a real page is tested end to end.

mod contract;
mod forbidden;
mod hostile;
mod streams;
mod support;
#[cfg(not(feature = "embedded"))]
mod without_engine;
