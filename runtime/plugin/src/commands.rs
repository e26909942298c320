//! The commands that pages call. Each one checks the window's scope and calls `js` or `bridge`.
//!
//! The commands in `streams` that are not async run on the main thread, in the order of the page's calls, and
//! never block.

mod processes;
mod rpc;
mod runtimes;
mod streams;

use tauri::Runtime;
use tauri::ipc::Invoke;

/// All commands. A test compares them with the permissions and with the list in `build.rs`.
pub(crate) fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        processes::spawn,
        processes::ensure,
        processes::kill,
        processes::kill_all,
        processes::restart,
        processes::remove,
        processes::list_processes,
        processes::get_status,
        processes::get_config,
        processes::list_backends,
        runtimes::detect_runtimes,
        runtimes::set_runtime_path,
        runtimes::get_runtime_paths,
        streams::write_stdin,
        streams::write,
        streams::close_stdin,
        streams::drain,
        rpc::claim,
        rpc::open_rpc,
        rpc::close_rpc,
        streams::attach,
        streams::ack,
        streams::detach,
        streams::report_scope,
        streams::watch,
        streams::unwatch,
    ]
}
