//! What pages can call. Each command asks the window's rights and then calls on.
//!
//! Those about streams are not async: they run on the main thread, in the order in which the page called,
//! and do nothing that could wait.

mod processes;
mod runtimes;
mod streams;

use tauri::Runtime;
use tauri::ipc::Invoke;

/// All commands. The list of build.rs and the permissions must agree with it: a test looks.
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
        streams::attach,
        streams::ack,
        streams::detach,
        streams::hear,
        streams::watch,
        streams::unwatch,
    ]
}
