//! What differs in the engine's `node:module`.

use super::amendments::Words;

pub(super) const WORDS: [Words; 11] = [
    // What Node has under its scheme only is a package without it.
    (
        "return request in nativeModuleExports;",
        "return request in nativeModuleExports && request !== \"sqlite\" && request !== \"test\" && \
         request !== \"test/reporters\" && !StringPrototypeStartsWith(request, \"internal/\");",
    ),
    // What Node has for itself, Deno has for everyone.
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
    // Whole lines of standard input and output; see `line_door`.
    (
        "function getBuiltinModule(id) {",
        "function getBuiltinModule(id) {\n  if (id === \"js-runtime:lines\") return internals.jsRuntimeLines;",
    ),
    // Sets up a worker, once, before its script runs. The script's own isolate has kept the arguments instead.
    (
        "globalThis.nodeBootstrap = initialize;",
        "if (internals.__nodeBootstrapArgs === undefined) {
  globalThis.nodeBootstrap = (args) => {
    delete globalThis.nodeBootstrap;
    initialize(args);
  };
}",
    ),
    // The text of a hook is loaded with all that it imports.
    ("op_import_sync_with_source(specifier, code)", "op_import_sync(specifier, code)"),
    // Both kinds of hooks are handed to the loader, which runs those of `load` for require() itself.
    (
        "op_module_hooks_register(hasResolve ? esmResolveHookCallback : null, hasLoad);",
        "op_module_hooks_register(hasResolve ? esmResolveHookCallback : null, hasLoad ? esmLoadHookCallback : null);",
    ),
    ("function _activateEsmHooks() {", ACTIVATE),
    // A hook that calls `next` gets its error, as in Node.
    (
        "} catch  {\n        // Last-ditch fallback",
        "} catch (error) {\n        throw error;\n        // Last-ditch fallback",
    ),
    // And the text as it is, which require() would get as JavaScript.
    (
        "const source = op_require_read_file(url.fileURLToPath(loadUrl));",
        "const source = op_module_default_resolve(loadUrl, null);",
    ),
];

const ACTIVATE: &str = "\
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
