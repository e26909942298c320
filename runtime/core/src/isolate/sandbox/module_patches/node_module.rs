//! Replacements in `node:module`.

use super::replacements::Replacement;

pub(super) const REPLACEMENTS: [Replacement; 11] = [
    // Modules that Node has only as `node:…` are packages without the scheme.
    (
        "return request in nativeModuleExports;",
        "return request in nativeModuleExports && request !== \"sqlite\" && request !== \"test\" && \
         request !== \"test/reporters\" && !StringPrototypeStartsWith(request, \"internal/\");",
    ),
    // Deno exposes Node's internal modules.
    (
        "const modExports = nativeModuleExports[request];",
        "const modExports = StringPrototypeStartsWith(request, \"internal/\") ? undefined : \
         nativeModuleExports[request];",
    ),
    (
        "moduleName === \"test\" || moduleName === \"test/reporters\"",
        "moduleName === \"sqlite\" || moduleName === \"test\" || moduleName === \"test/reporters\"",
    ),
    (
        "normalizedRequest in nativeModuleExports",
        "normalizedRequest !== request && normalizedRequest in nativeModuleExports",
    ),
    // The frame API (`stdio/frame_api.rs`).
    (
        "function getBuiltinModule(id) {",
        "function getBuiltinModule(id) {\n  if (id === \"js-runtime:lines\") return internals.jsRuntimeLines;",
    ),
    // Bootstraps Node in a worker, once, before its script runs. The main isolate has stored the arguments instead.
    (
        "globalThis.nodeBootstrap = initialize;",
        "if (internals.__nodeBootstrapArgs === undefined) {
  globalThis.nodeBootstrap = (args) => {
    delete globalThis.nodeBootstrap;
    initialize(args);
  };
}",
    ),
    // Loads the source of a hook with its imports.
    ("op_import_sync_with_source(specifier, code)", "op_import_sync(specifier, code)"),
    // Registers both kinds of hooks with the loader, which runs `load` hooks for require() itself.
    (
        "op_module_hooks_register(hasResolve ? esmResolveHookCallback : null, hasLoad);",
        "op_module_hooks_register(hasResolve ? esmResolveHookCallback : null, hasLoad ? esmLoadHookCallback : null);",
    ),
    ("function _activateEsmHooks() {", LOAD_HOOK),
    // A hook that calls `next` gets the error, as in Node.
    (
        "} catch  {\n        // Last-ditch fallback",
        "} catch (error) {\n        throw error;\n        // Last-ditch fallback",
    ),
    // `next` returns the source unchanged. Deno would compile it for require().
    (
        "const source = op_require_read_file(url.fileURLToPath(loadUrl));",
        "const source = op_module_default_resolve(loadUrl, null);",
    ),
];

const LOAD_HOOK: &str = "\
function esmLoadHookCallback(fileUrl, importAttributes) {
  const context = {
    format: undefined,
    conditions: [\"node\", \"import\", \"module-sync\", \"node-addons\"],
    importAttributes: { __proto__: null, ...importAttributes }
  };
  const given = { __proto__: null, text: null, format: null, url: null, error: null };
  try {
    const { result, effectiveUrl } = executeEsmLoadHookChain(fileUrl, context);
    given.url = effectiveUrl;
    if (result?.format !== \"builtin\" && result?.source != null) {
      given.text = loadHookSourceToString(result.source);
      given.format = result.format || null;
    }
  } catch (error) {
    given.error = String(error);
  }
  return given;
}
function _activateEsmHooks() {";
