// The runtimes on this machine, and their paths.
import {
  detectRuntimes,
  getRuntimePaths,
  setRuntimePath,
  type RuntimeInfo,
} from 'tauri-plugin-js-api'
import { lacksEngine } from '../lib/engine'
import { explain, type Problem } from '../lib/hints'

export type Source = 'built in' | 'custom path' | 'found' | 'missing' | 'not built in'

class Runtimes {
  list: RuntimeInfo[] = $state.raw([])
  paths: Record<string, string> = $state.raw({})
  scanning = $state(false)
  problem: Problem | null = $state.raw(null)
  /** True until the runtimes are detected. */
  readonly hasEngine = $derived(!lacksEngine(this.list))

  async scan(): Promise<void> {
    if (this.scanning) return
    this.scanning = true
    this.problem = null
    try {
      ;[this.list, this.paths] = await Promise.all([detectRuntimes(), getRuntimePaths()])
    } catch (error) {
      this.problem = explain('Could not detect the runtimes', error)
    } finally {
      this.scanning = false
    }
  }

  /** An empty path restores detection. Throws if the plugin refuses the path. */
  async setPath(runtime: string, path: string): Promise<void> {
    await setRuntimePath(runtime as Parameters<typeof setRuntimePath>[0], path)
    await this.scan()
  }

  source({ name, available }: RuntimeInfo): Source {
    if (Object.hasOwn(this.paths, name)) return 'custom path'
    if (name === 'embedded') return available ? 'built in' : 'not built in'
    return available ? 'found' : 'missing'
  }
}

export const runtimes = new Runtimes()
