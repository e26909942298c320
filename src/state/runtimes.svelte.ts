// The runtimes on this machine.
import {
  detectRuntimes,
  getRuntimePaths,
  setRuntimePath,
  type RuntimeInfo,
} from 'tauri-plugin-js-api'
import { lacksEngine } from '../lib/engine'
import { explain, type Problem } from '../lib/hints'

export type Source = 'built in' | 'set path' | 'found' | 'missing' | 'left out'

class Runtimes {
  list: RuntimeInfo[] = $state.raw([])
  paths: Record<string, string> = $state.raw({})
  scanning = $state(false)
  problem: Problem | null = $state.raw(null)
  /** True, too, as long as it is not known. */
  readonly hasEngine = $derived(!lacksEngine(this.list))

  async scan(): Promise<void> {
    if (this.scanning) return
    this.scanning = true
    this.problem = null
    try {
      ;[this.list, this.paths] = await Promise.all([detectRuntimes(), getRuntimePaths()])
    } catch (error) {
      this.problem = explain('The runtimes could not be detected', error)
    } finally {
      this.scanning = false
    }
  }

  /** An empty path goes back to what is found by itself. Throws when the plugin refuses. */
  async setPath(runtime: string, path: string): Promise<void> {
    await setRuntimePath(runtime as Parameters<typeof setRuntimePath>[0], path)
    await this.scan()
  }

  source({ name, available }: RuntimeInfo): Source {
    if (Object.hasOwn(this.paths, name)) return 'set path'
    if (name === 'embedded') return available ? 'built in' : 'left out'
    return available ? 'found' : 'missing'
  }
}

export const runtimes = new Runtimes()
