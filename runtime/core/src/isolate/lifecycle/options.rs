//! The options of every isolate, and their differences from the Deno command line.
//!
//! Deno's structures have defaults for embedders that its own program never uses; some silently disable a feature. The
//! table lists every option that the program sets and that differs here.
//!
//! | option | here | why |
//! | --- | --- | --- |
//! | `BootstrapOptions::location` of a script | none | the program has one with `--location` only |
//! | `…::argv0` | `deno` | in the program it is the first word of the command line, here the application's |
//! | `…::color_level` | none | a stream is a log, never a terminal |
//! | `…::log_level`, `unstable_features`, `inspect`, `otel_config`, `serve_*` | defaults | flags and variables of the program |
//! | `…::node_debug` | none | read when Node's modules are loaded, possibly before the environment is known |
//! | `…::node_ipc_init`, `node_cluster_*` | none | an IPC channel of the application is not for scripts |
//! | `…::has_node_modules_dir` | set | packages are never installed; they are in `node_modules` |
//! | `WorkerOptions::create_params` | limits | `limits.heapMb`, `limits.arrayBufferMb` |
//! | `…::format_js_error_fn` | to stderr | the program prints to its own; see `web_worker` |
//! | `…::cache_storage_dir`, `origin_storage_dir` | none | the application chooses no folder for them: `caches` and `localStorage` throw |
//! | `…::stdio` | null device | replaced by the process's streams before the script runs |
//! | `…::should_*`, `wait_for_*`, `trace_ops`, `maybe_coverage_dir`, `maybe_cpu_prof_config` | defaults | debugging of the program; an inspector would be open to every local user |
//! | `…::enable_stack_trace_arg_in_ops` | off | for `DENO_TRACE_PERMISSIONS` of the program |
//! | `WorkerServiceOptions::deno_rt_native_addon_loader`, `bundle_provider` | none | native addons are refused; the bundler is a separate program |
//! | `…::npm_process_state_provider` | none | passes packages in Deno's cache to a Deno child; there are none |
//! | `…::v8_code_cache` | none | it would be a file on disk |
//! | `…::feature_checker` | no exit | its default ends the application when an unstable feature is used |
//! | `WebWorkerOptions::create_params` | limits | `resourceLimits` of the script, up to those of its process |

use deno_runtime::colors::ColorLevel;
use deno_runtime::deno_core::v8;
use deno_runtime::ops::worker_host::CreateWebWorkerArgs;
use deno_runtime::{BootstrapOptions, WorkerExecutionMode};

use crate::isolate::DENO_VERSION;

/// The options of a script's own isolate.
pub(crate) fn bootstrap(args: Vec<String>) -> BootstrapOptions {
    BootstrapOptions {
        deno_version: DENO_VERSION.to_owned(),
        user_agent: format!("Deno/{DENO_VERSION}"),
        args,
        argv0: Some("deno".to_owned()),
        color_level: ColorLevel::None,
        locale: v8::icu::get_language_tag(),
        mode: WorkerExecutionMode::Run,
        has_node_modules_dir: true,
        ..BootstrapOptions::default()
    }
}

/// The options of a worker's isolate.
pub(crate) fn of_worker(args: Vec<String>, worker: &CreateWebWorkerArgs) -> BootstrapOptions {
    BootstrapOptions {
        location: Some(worker.main_module.clone()),
        mode: WorkerExecutionMode::Worker,
        // Read by the isolate; the event loop reads the field in `WebWorkerOptions`.
        close_on_idle: worker.close_on_idle,
        ..bootstrap(args)
    }
}
