//! A bootstrapped isolate, and its start with a script.
//!
//! The slow steps come first: V8's heap, Deno's bootstrap, the op overrides. They need only the memory limits, so they
//! can run before the process is known. Arguments, permissions, working directory, environment, streams, modules and
//! the clock are set when it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use deno_runtime::BootstrapOptions;
use deno_runtime::deno_core::{
    Extension, ExtensionFileSource, JsRuntime, ModuleSpecifier, V8TaskSpawner, ascii_str_include,
    scope, serde_v8, v8,
};
use deno_runtime::deno_web::StartTime;
use deno_runtime::worker::{MainWorker, WorkerOptions};

use super::idle_collection::{self, IdleCollection};
use super::{options, web_worker};
use crate::crash;
use crate::isolate::engine_files;
use crate::isolate::lifecycle::process_context::{IsolateStreams, ProcessContext, ProcessSlot};
use crate::isolate::lifecycle::shared_state::{NodeServices, SharedState, ThreadGuards};
use crate::isolate::limits::heap_limit;
use crate::isolate::modules::{self, LoaderSlot, Modules};
use crate::isolate::sandbox::env::Env;
use crate::isolate::sandbox::files::cwd::WorkingDirectory;
use crate::isolate::sandbox::files::sandbox_fs;
use crate::isolate::sandbox::ops::overrides;
use crate::isolate::sandbox::permissions;
use crate::isolate::stdio::null_device;
use crate::wire::{Links, Permissions};

/// Defines three functions: one loads Node's modules, one compiles functions, one sets the arguments and the clock.
const LATE_BOOTSTRAP: ExtensionFileSource = ExtensionFileSource::new(
    "ext:js_runtime_overrides/late_bootstrap.js",
    ascii_str_include!("late_bootstrap.js"),
);

/// Evaluates to the functions and removes them from the global object.
const TAKE_LATE_BOOTSTRAP: &str = "((functions) => { delete globalThis.jsRuntimeLateBootstrap; return functions })\
     (jsRuntimeLateBootstrap)";

type Function = v8::Global<v8::Function>;

/// The main module before the start; no script sees it.
const NO_SCRIPT: &str = "js-runtime:no-script";

/// The fields are dropped in this order: the functions before their isolate, the guards after it.
pub(crate) struct Bootstrapped {
    load_function: Function,
    compile_function: Function,
    start_function: Function,
    pub(super) worker: MainWorker,
    modules: LoaderSlot,
    /// The size of the heap after [`Self::preload`] has collected its garbage, in bytes; 0 before.
    collected: usize,
    cwd: WorkingDirectory,
    process: ProcessSlot,
    _guards: ThreadGuards,
}

impl Bootstrapped {
    /// Called on the isolate's thread.
    pub(crate) fn new(shared: &Arc<SharedState>) -> Result<Self, String> {
        let cwd = WorkingDirectory::unshare();
        let guards = shared.enter_thread(crash::enter_as_script, shared.memory.heap);
        let (modules, process) = (LoaderSlot::default(), ProcessSlot::default());
        let no_script = ModuleSpecifier::parse(NO_SCRIPT).map_err(|error| error.to_string())?;
        let nothing = permissions::container(&Permissions::default(), None, Links::Follow)?;
        let mut worker = MainWorker::bootstrap_from_options(
            &no_script,
            shared.services(modules.loader(), None, nothing),
            worker_options(shared, &process, cwd)?,
        );
        let runtime = &mut worker.js_runtime;
        let functions = runtime.execute_script("js-runtime:late-bootstrap", TAKE_LATE_BOOTSTRAP);
        let functions = functions.map_err(|error| error.to_string())?;
        shared.install(runtime, &guards)?;
        shared.end_at_heap_limit(runtime);
        let [load_function, compile_function, start_function] =
            elements(runtime, &functions).ok_or("the late bootstrap is missing")?;
        Ok(Self {
            load_function,
            compile_function,
            start_function,
            worker,
            modules,
            collected: 0,
            cwd,
            process,
            _guards: guards,
        })
    }

    #[cfg(test)]
    pub(crate) fn op_names(&self) -> Vec<&'static str> {
        self.worker.js_runtime.op_names()
    }

    /// Preloads Node's `process` and the hundred modules that it imports, which nearly every script uses, and returns
    /// the memory that this needed for a short time. Skips the second step once a start waits.
    pub(crate) fn preload(mut self, start_waits: impl FnOnce() -> bool) -> Result<Self, String> {
        // A start whose configuration sets a variable that is read here does not use this isolate.
        let state = self.worker.js_runtime.op_state();
        state.borrow_mut().put(Env::new(&BTreeMap::new()));
        self.call(&self.load_function.clone(), "Node's modules could not be loaded")?;
        if !start_waits() {
            self.collected = idle_collection::collect(self.worker.js_runtime.v8_isolate());
        }
        // Afterwards, because the collection drops compiled functions.
        self.call(&self.compile_function.clone(), "functions could not be compiled")?;
        Ok(self)
    }

    fn call(&mut self, function: &Function, failure: &'static str) -> Result<(), &'static str> {
        scope!(scope, &mut self.worker.js_runtime);
        let this = v8::undefined(scope).into();
        let result = v8::Local::new(scope, function).call(scope, this, &[]);
        result.map(drop).ok_or(failure)
    }

    /// Makes this the isolate of `process`. Returns the script and its streams.
    pub(crate) fn start(
        &mut self,
        process: &Arc<ProcessContext>,
    ) -> Result<(ModuleSpecifier, IsolateStreams), String> {
        let config = &process.plan.config;
        self.process.set(process);
        self.cwd.change_to(&process.plan.cwd)?;
        let granted = config.permissions.clone().unwrap_or_default();
        let permissions = permissions::container(&granted, process.entry.folder(), config.links)?;
        let modules = Modules::new(&process.entry, permissions.clone(), process.writable.clone())
            .map_err(|error| error.to_string())?;
        let main = modules.main_module().clone();
        let NodeServices { node_require_loader, node_resolver, pkg_json_resolver, sys } =
            modules.node_services();
        self.modules.set(&modules);

        let runtime = &mut self.worker.js_runtime;
        {
            let state = runtime.op_state();
            let mut state = state.borrow_mut();
            sandbox_fs::set_permissions(permissions.clone());
            state.put(permissions);
            state.put(main.clone());
            state.put(node_require_loader);
            state.put(node_resolver);
            state.put(pkg_json_resolver);
            state.put(sys);
            state.put(StartTime::default());
            state.borrow_mut::<BootstrapOptions>().args.clone_from(&config.args);
            modules.install(&mut state);
            process.install(&mut state);
        }
        let streams = process.connect(runtime, Some(&process.control));
        process.env.warn_about_time_zone(&streams.stdio.stderr);
        let path = main.to_file_path().unwrap_or_default();
        self.set_args(&path.to_string_lossy(), &config.args, &process.executable.path())?;
        Ok((main, streams))
    }

    /// Returns memory to the system while the event loop is idle.
    pub(super) fn idle_collection(&self) -> IdleCollection {
        let state = self.worker.js_runtime.op_state();
        let tasks = state.borrow().borrow::<V8TaskSpawner>().clone();
        IdleCollection::new(tasks, self.modules.clone(), self.collected)
    }

    fn set_args(&mut self, path: &str, args: &[String], executable: &str) -> Result<(), String> {
        scope!(scope, &mut self.worker.js_runtime);
        let failed = |error: serde_v8::Error| error.to_string();
        let path = serde_v8::to_v8(scope, path).map_err(failed)?;
        let args = serde_v8::to_v8(scope, args).map_err(failed)?;
        let executable = serde_v8::to_v8(scope, executable).map_err(failed)?;
        let this = v8::undefined(scope).into();
        let function = v8::Local::new(scope, &self.start_function);
        let set = function.call(scope, this, &[path, args, executable]);
        set.map(drop).ok_or_else(|| "the arguments could not be set".to_owned())
    }
}

/// The functions in an array.
fn elements<const COUNT: usize>(
    runtime: &mut JsRuntime,
    array: &v8::Global<v8::Value>,
) -> Option<[Function; COUNT]> {
    scope!(scope, runtime);
    let array = v8::Local::<v8::Array>::try_from(v8::Local::new(scope, array)).ok()?;
    let mut functions = Vec::with_capacity(COUNT);
    for index in 0..array.length() {
        let function = v8::Local::<v8::Function>::try_from(array.get_index(scope, index)?).ok()?;
        functions.push(v8::Global::new(scope, function));
    }
    functions.try_into().ok()
}

fn worker_options(
    shared: &Arc<SharedState>,
    process: &ProcessSlot,
    cwd: WorkingDirectory,
) -> Result<WorkerOptions, String> {
    let stdio =
        null_device().map_err(|error| format!("could not open the null device: {error}"))?;
    let control = shared.control.clone();
    let extension =
        overrides::extension(cwd, modules::replaced_op, move |state| state.put(control));
    let js_files = vec![overrides::EXPOSE_OPS, LATE_BOOTSTRAP].into();
    Ok(WorkerOptions {
        bootstrap: options::bootstrap(Vec::new()),
        extensions: vec![Extension { js_files, ..extension }],
        startup_snapshot: Some(engine_files::SNAPSHOT),
        residual_lazy_js_sources: engine_files::SCRIPTS,
        residual_lazy_esm_sources: engine_files::MODULES,
        skip_op_registration: true,
        create_params: Some(shared.create_params(heap_limit::with_slack(shared.memory.heap))),
        create_web_worker_cb: web_worker::creator(process.clone(), cwd),
        format_js_error_fn: Some(Arc::new(web_worker::report)),
        stdio,
        ..WorkerOptions::default()
    })
}
