/** Bundles the backends of `runtime/core/benches/scripts`, as an app bundles its own. */
import { join } from 'node:path'
import { bundle } from '../bundle-backends.mjs'
import { root } from '../lib/paths.mjs'

const scripts = join(root, 'runtime/core/benches/scripts')

/** Backends on `serve`, and on kkrpc with its adapter for each runtime. */
const names = ['serve', 'serve-node', 'kkrpc-bun', 'kkrpc-deno', 'kkrpc-node']

/** Bundles one of the backends. Returns the path of the module. */
export function bundleBenchBackend(name, into) {
  return bundle({ name, file: join(scripts, `${name}.mjs`) }, into)
}

export async function bundleBenchBackends(into) {
  for (const name of names) await bundleBenchBackend(name, into)
}
