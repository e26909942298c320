//! What every isolate is started with, and where that differs from Deno's command line.
//!
//! Deno's structures have defaults for embedders that its own program never uses: some of them turn a
//! feature off without a word. So each option that the program sets was gone through. Those that are
//! not listed have the program's value.
//!
//! | option | here | why |
//! | --- | --- | --- |
//! | `BootstrapOptions::location` of a script | none | the program has one with `--location` only |
//! | `…::argv0` | `deno` | the program's own first word, which is the application's here |
//! | `…::color_level` | none | a stream is a log, never a terminal |
//! | `…::log_level`, `unstable_features`, `inspect`, `otel_config`, `serve_*` | defaults | they stand for flags and variables of the program |
//! | `…::node_debug` | none | read when Node's modules are loaded: an isolate may be made before its variables are known |
//! | `…::node_ipc_init`, `node_cluster_*` | none | a channel that the application was started with is the application's |
//! | `…::has_node_modules_dir` | set | packages are never installed, they lie beside the script |
//! | `WorkerOptions::create_params` | limits | `limits.heapMb`, `limits.arrayBufferMb` |
//! | `…::format_js_error_fn` | to stderr | the program prints to its own; see `web_worker` |
//! | `…::cache_storage_dir`, `origin_storage_dir` | none | whose folder it would be is the application's to say: `caches` and `localStorage` refuse |
//! | `…::stdio` | null device | replaced by the process's own streams before a script runs |
//! | `…::should_*`, `wait_for_*`, `trace_ops`, `maybe_coverage_dir`, `maybe_cpu_prof_config` | defaults | debugging of the program; an inspector would be a door for everyone |
//! | `…::enable_stack_trace_arg_in_ops` | off | for `DENO_TRACE_PERMISSIONS` of the program |
//! | `WorkerServiceOptions::deno_rt_native_addon_loader`, `bundle_provider` | none | native addons are refused; the bundler is a program of its own |
//! | `…::npm_process_state_provider` | none | tells a child that is Deno of packages that were installed in its cache; there are none |
//! | `…::v8_code_cache` | none | a cache on the disk, which is the application's |
//! | `…::feature_checker` | no exit | its default ends the application when an unstable feature is used |
//! | `WebWorkerOptions::create_params` | limits | `resourceLimits` of the script, up to those of its process |

use deno_runtime::colors::ColorLevel;
use deno_runtime::deno_core::v8;
use deno_runtime::ops::worker_host::CreateWebWorkerArgs;
use deno_runtime::{BootstrapOptions, WorkerExecutionMode};

use crate::isolate::DENO_VERSION;

/// Of a script's own isolate.
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

/// Of a worker's.
pub(crate) fn of_worker(args: Vec<String>, worker: &CreateWebWorkerArgs) -> BootstrapOptions {
    BootstrapOptions {
        location: Some(worker.main_module.clone()),
        mode: WorkerExecutionMode::Worker,
        // The isolate reads it here; `WebWorkerOptions` have it for the loop around it.
        close_on_idle: worker.close_on_idle,
        ..bootstrap(args)
    }
}
