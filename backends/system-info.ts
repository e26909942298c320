// The runtime that runs this program.
import process from 'node:process'
import type { SystemInfo } from './shared-api.ts'

/** Each runtime has its own globals. */
interface Globals {
  Bun?: { version: string }
  Deno?: { version: { deno: string } }
}

/** The runtime, its version and the machine. */
export function systemInfo(): SystemInfo {
  const { pid, platform, arch, versions } = process
  const { Bun, Deno } = globalThis as unknown as Globals
  const common = { pid, platform, arch }
  const isEmbedded = process.getBuiltinModule?.('js-runtime:lines') !== undefined
  if (isEmbedded)
    return { runtime: 'embedded', version: Deno?.version.deno ?? versions.v8, ...common }
  if (Deno) return { runtime: 'deno', version: Deno.version.deno, ...common }
  if (Bun) return { runtime: 'bun', version: Bun.version, ...common }
  return { runtime: 'node', version: versions.node, ...common }
}
