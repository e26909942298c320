// Runs before Deno's bootstrap: leaves behind where ops are, for what is put in their place from outside. The engine's
// own modules see another object than what is left of it for scripts.
Object.defineProperty(globalThis, 'jsRuntimeNatives', {
  configurable: true,
  value: [__bootstrap.core.loadExtScript('ext:js_runtime/ops.js'), __bootstrap.core.ops],
})
