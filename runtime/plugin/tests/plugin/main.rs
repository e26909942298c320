//! Tests of the plugin's commands with the real permission files and real processes. The windows are Tauri's
//! mock windows; `e2e` tests real pages.

mod contract;
mod forbidden;
mod hostile;
#[path = "../../../core/tests/common/patience.rs"]
mod patience;
mod rpc;
mod streams;
#[cfg(all(unix, feature = "embedded"))]
mod symlinks;
mod test_app;
mod windows;
#[cfg(not(feature = "embedded"))]
mod without_engine;
