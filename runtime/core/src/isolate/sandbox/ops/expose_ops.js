// Runs before Deno's bootstrap: exposes the two objects that contain ops, until Rust has replaced native methods in
// both. Deno's own modules use the first object; scripts reach the second.
Object.defineProperty(globalThis, 'jsRuntimeOps', {
  configurable: true,
  value: [__bootstrap.core.loadExtScript('ext:js_runtime/ops.js'), __bootstrap.core.ops],
})
