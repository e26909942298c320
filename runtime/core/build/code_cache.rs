//! Compiles Deno's modules with V8, in an isolate with the snapshot, the sources and the flags of the application's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use deno_error::JsErrorBox;
use deno_resolver::npm::{DenoInNpmPackageChecker, NpmResolver};
use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_core::{
    Extension, ExtensionFileSource, JsRuntime, ModuleLoadOptions, ModuleLoadReferrer,
    ModuleLoadResponse, ModuleLoader, ResolutionKind, SourceCodeCacheInfo, ascii_str_include,
    v8_set_flags,
};
use deno_runtime::deno_fetch::dns::Resolver;
use deno_runtime::deno_permissions::{
    Permissions, PermissionsContainer, RuntimePermissionDescriptorParser,
};
use deno_runtime::deno_web::{BlobStore, InMemoryBroadcastChannel};
use deno_runtime::worker::{MainWorker, WorkerOptions, WorkerServiceOptions};
use sys_traits::impls::RealSys;

use crate::module_patches::Sources;
use crate::v8_flags::V8_FLAGS;

/// Code by the address of its module.
pub(crate) type Code = BTreeMap<String, Vec<u8>>;

type Services = WorkerServiceOptions<DenoInNpmPackageChecker, NpmResolver<RealSys>, RealSys>;

/// Defines `jsRuntimeLoad`, which loads the modules.
const LOAD: ExtensionFileSource =
    ExtensionFileSource::new("ext:js_runtime_build/load.js", ascii_str_include!("load.js"));

/// The code that V8 has compiled.
#[derive(Default)]
struct Compiled(RefCell<Code>);

impl ModuleLoader for Compiled {
    fn resolve(&self, specifier: &str, _: &str, _: ResolutionKind) -> Result<Url, JsErrorBox> {
        Url::parse(specifier).map_err(|error| JsErrorBox::generic(error.to_string()))
    }

    fn load(
        &self,
        module: &Url,
        _: Option<&ModuleLoadReferrer>,
        _: ModuleLoadOptions,
    ) -> ModuleLoadResponse {
        let message = format!("the module '{module}' is not a module of Deno");
        ModuleLoadResponse::Sync(Err(JsErrorBox::generic(message)))
    }

    fn get_code_cache(&self, _: &Url, _: &str) -> Option<SourceCodeCacheInfo> {
        Some(SourceCodeCacheInfo { hash: 0, data: None })
    }

    fn code_cache_ready(
        &self,
        module: Url,
        _: u64,
        code: &[u8],
    ) -> Pin<Box<dyn Future<Output = ()>>> {
        self.0.borrow_mut().insert(module.into(), code.to_vec());
        Box::pin(std::future::ready(()))
    }
}

/// Loads the modules that scripts use most, and returns the code of every module that was compiled for them.
pub(crate) fn compile(
    snapshot: &'static [u8],
    scripts: Sources,
    modules: Sources,
) -> Result<Code, String> {
    v8_set_flags(V8_FLAGS.map(str::to_owned).to_vec());
    JsRuntime::init_platform(None);
    let executor = deno_runtime::tokio_util::create_basic_runtime();
    let compiled = Rc::new(Compiled::default());
    let services = services(compiled.clone());
    executor.block_on(async {
        let main = Url::parse("js-runtime:build").map_err(|error| error.to_string())?;
        let extension = Extension {
            name: "js_runtime_build",
            js_files: vec![LOAD].into(),
            ..Extension::default()
        };
        let options = WorkerOptions {
            extensions: vec![extension],
            startup_snapshot: Some(snapshot),
            residual_lazy_js_sources: scripts,
            residual_lazy_esm_sources: modules,
            skip_op_registration: true,
            ..WorkerOptions::default()
        };
        let mut worker = MainWorker::bootstrap_from_options(&main, services, options);
        let failed = |error: &dyn std::fmt::Display| format!("Deno's modules do not load: {error}");
        worker
            .js_runtime
            .execute_script("js-runtime:load", "jsRuntimeLoad()")
            .map_err(|error| failed(&error))?;
        // Reports the code of ES modules.
        worker.run_event_loop(false).await.map_err(|error| failed(&error))
    })?;
    let code = compiled.0.take();
    if code.contains_key("node:process") {
        Ok(code)
    } else {
        Err("V8 has not compiled Deno's modules".to_owned())
    }
}

fn services(module_loader: Rc<dyn ModuleLoader>) -> Services {
    let parser = Arc::new(RuntimePermissionDescriptorParser::new(RealSys));
    WorkerServiceOptions {
        blob_store: BlobStore::default_arc(),
        broadcast_channel: InMemoryBroadcastChannel::default(),
        deno_rt_native_addon_loader: None,
        feature_checker: Arc::default(),
        fs: Arc::new(deno_runtime::deno_fs::RealFs),
        module_loader,
        node_services: None,
        npm_process_state_provider: None,
        permissions: PermissionsContainer::new(parser, Permissions::none_without_prompt()),
        root_cert_store_provider: None,
        fetch_dns_resolver: Resolver::default(),
        shared_array_buffer_store: None,
        compiled_wasm_module_store: None,
        v8_code_cache: None,
        bundle_provider: None,
    }
}
