//! An isolate that only wants to be told what to run.
//!
//! All that takes its time comes first: V8's heap, Deno's bootstrap, the guards. It asks for nothing of
//! the configuration but the limits of memory, so that it can be done before there is any, and ends up
//! with nothing that a script would find to be another's: arguments, permissions, folder, environment,
//! streams, modules and the clock are put in when the script is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use deno_runtime::BootstrapOptions;
use deno_runtime::deno_core::{
    Extension, ExtensionFileSource, JsRuntime, ModuleSpecifier, ascii_str_include, scope, serde_v8,
    v8,
};
use deno_runtime::deno_web::StartTime;
use deno_runtime::worker::{MainWorker, WorkerOptions};

use super::{options, web_worker};
use crate::isolate::crash;
use crate::isolate::lifecycle::process_context::ProcessContext;
use crate::isolate::lifecycle::shared_state::{Around, NodeServices, SharedState};
use crate::isolate::limits::heap_limit;
use crate::isolate::modules::{Modules, Place};
use crate::isolate::sandbox::env::Env;
use crate::isolate::sandbox::files::cwd::WorkingDirectory;
use crate::isolate::sandbox::files::sandbox_fs;
use crate::isolate::sandbox::ops::overrides;
use crate::isolate::sandbox::{module_patches, permissions};
use crate::isolate::stdio::{Streams, null_device};
use crate::wire::{Links, Permissions};

/// Leaves behind two functions: what loads Node's modules, and what sets the arguments and the clock.
const BEGIN: ExtensionFileSource = ExtensionFileSource::new(
    "ext:js_runtime_overrides/late_bootstrap.js",
    ascii_str_include!("late_bootstrap.js"),
);

/// Evaluates to them, and takes them away.
const TAKE_BEGIN: &str =
    "((begin) => { delete globalThis.jsRuntimeBegin; return begin })(jsRuntimeBegin)";

type Function = v8::Global<v8::Function>;

/// The main module before there is one; no script sees it.
const NOWHERE: &str = "js-runtime:nowhere";

/// Fields are dropped in this order.
pub(crate) struct Bootstrapped {
    load: Function,
    begin: Function,
    worker: MainWorker,
    place: Place,
    folder: WorkingDirectory,
    around: Around,
}

/// One that knows its script.
pub(crate) struct StartedWorker {
    pub(crate) worker: MainWorker,
    pub(crate) main: ModuleSpecifier,
    pub(crate) streams: Streams,
    _around: Around,
}

impl Bootstrapped {
    /// Called on the isolate's thread.
    pub(crate) fn new(commons: &Arc<SharedState>) -> Result<Self, String> {
        let folder = WorkingDirectory::unshare();
        let around = commons.surround(crash::enter_as_script, commons.memory.heap);
        let place = Place::default();
        let nowhere = ModuleSpecifier::parse(NOWHERE).map_err(|error| error.to_string())?;
        let nothing = permissions::container(&Permissions::default(), None, Links::Follow)?;
        let mut worker = MainWorker::bootstrap_from_options(
            &nowhere,
            commons.services(place.loader(), None, nothing),
            worker_options(commons, folder)?,
        );
        let runtime = &mut worker.js_runtime;
        let functions = runtime.execute_script("js-runtime:begin", TAKE_BEGIN);
        let functions = functions.map_err(|error| error.to_string())?;
        commons.furnish(runtime, &around)?;
        commons.end_at_heap_limit(runtime);
        let (load, begin) = pair(runtime, &functions).ok_or("the engine has lost its beginning")?;
        Ok(Self { load, begin, worker, place, folder, around })
    }

    #[cfg(test)]
    pub(crate) fn op_names(&self) -> Vec<&'static str> {
        self.worker.js_runtime.op_names()
    }

    /// Loads what nearly every script asks for first, and takes longer than all else: Node's `process`,
    /// and some hundred modules behind it. For when nobody waits.
    pub(crate) fn load(mut self) -> Result<Self, String> {
        let runtime = &mut self.worker.js_runtime;
        // Nothing of a configuration: a start that has something of its own here is not served.
        runtime.op_state().borrow_mut().put(Env::new(&BTreeMap::new()));
        {
            scope!(scope, runtime);
            let this = v8::undefined(scope).into();
            let loaded = v8::Local::new(scope, &self.load).call(scope, this, &[]);
            loaded.ok_or("the engine did not load its modules")?;
        }
        Ok(self)
    }

    /// Makes it that of `program`.
    pub(crate) fn begin(mut self, program: &Arc<ProcessContext>) -> Result<StartedWorker, String> {
        self.folder.change_to(&program.cwd)?;
        let granted = program.config.permissions.clone().unwrap_or_default();
        let permissions =
            permissions::container(&granted, program.entry.folder(), program.config.links)?;
        let modules = Modules::new(&program.entry, permissions.clone(), program.writable.clone())
            .map_err(|error| error.to_string())?;
        let main = modules.main_module().clone();
        let NodeServices { node_require_loader, node_resolver, pkg_json_resolver, sys } =
            modules.node_services();
        self.place.take(&modules);

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
            state.borrow_mut::<BootstrapOptions>().args.clone_from(&program.config.args);
            modules.install(&mut state);
            program.install(&mut state);
        }
        let streams = program.connect(runtime, Some(&program.control));
        program.env.warn_about_time_zone(&streams.stderr);
        let path = main.to_file_path().unwrap_or_default();
        self.tell(&path.to_string_lossy(), &program.config.args, &program.executable.path())?;
        let Self { worker, around, .. } = self;
        Ok(StartedWorker { worker, main, streams, _around: around })
    }

    fn tell(&mut self, path: &str, args: &[String], executable: &str) -> Result<(), String> {
        scope!(scope, &mut self.worker.js_runtime);
        let failed = |error: serde_v8::Error| error.to_string();
        let path = serde_v8::to_v8(scope, path).map_err(failed)?;
        let args = serde_v8::to_v8(scope, args).map_err(failed)?;
        let executable = serde_v8::to_v8(scope, executable).map_err(failed)?;
        let this = v8::undefined(scope).into();
        let told = v8::Local::new(scope, &self.begin).call(scope, this, &[path, args, executable]);
        told.map(drop).ok_or_else(|| "the engine did not take its arguments".to_owned())
    }
}

/// The two functions in an array.
fn pair(runtime: &mut JsRuntime, array: &v8::Global<v8::Value>) -> Option<(Function, Function)> {
    scope!(scope, runtime);
    let array = v8::Local::<v8::Array>::try_from(v8::Local::new(scope, array)).ok()?;
    let get = |index| {
        let function = v8::Local::<v8::Function>::try_from(array.get_index(scope, index)?).ok()?;
        Some(v8::Global::new(scope, function))
    };
    Some((get(0)?, get(1)?))
}

fn worker_options(
    commons: &Arc<SharedState>,
    folder: WorkingDirectory,
) -> Result<WorkerOptions, String> {
    let stdio =
        null_device().map_err(|error| format!("could not open the null device: {error}"))?;
    let control = commons.control.clone();
    let guards = overrides::extension(folder, move |state| state.put(control));
    Ok(WorkerOptions {
        bootstrap: options::bootstrap(Vec::new()),
        extensions: vec![Extension {
            js_files: vec![overrides::EXPOSE_OPS, BEGIN].into(),
            ..guards
        }],
        startup_snapshot: deno_snapshots::CLI_SNAPSHOT,
        residual_lazy_js_sources: module_patches::scripts()?,
        residual_lazy_esm_sources: module_patches::modules()?,
        skip_op_registration: true,
        create_params: Some(commons.create_params(heap_limit::with_room(commons.memory.heap))),
        create_web_worker_cb: web_worker::creator(commons.clone(), folder),
        format_js_error_fn: Some(Arc::new(web_worker::report)),
        stdio,
        ..WorkerOptions::default()
    })
}
