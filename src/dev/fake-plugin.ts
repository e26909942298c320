// A fake of the plugin that answers its commands.
import type {
  BackendInfo,
  ProcessConfig,
  ProcessInfo,
  Runtime,
  RuntimeInfo,
  Usage,
  WatchMessage,
} from 'tauri-plugin-js-api'
import { FakeProcess, type FakeRuntime } from './fake-process'
import { fakeCounts, serveFake } from './fake-worker'

type Args = Record<string, unknown>
type ChannelLike = { id: number }

interface Internals {
  runCallback(id: number, data: unknown): void
}

const MB = 1 << 20
const decoder = new TextDecoder()

/** Sends over a channel of the page, as Rust does. */
function sender(channel: unknown): (message: unknown) => void {
  const { id } = channel as ChannelLike
  const internals = (window as unknown as { __TAURI_INTERNALS__: Internals }).__TAURI_INTERNALS__
  let index = 0
  return (message) => internals.runCallback(id, { index: index++, message })
}

export class FakePlugin {
  backends: BackendInfo[] = []
  runtimes: RuntimeInfo[] = []
  paths: Record<string, string> = {}
  /** If set, `watch` fails with it. */
  refusal: unknown = null
  readonly processes = new Map<string, FakeProcess>()
  #watchers: ((message: WatchMessage) => void)[] = []

  declare(
    name: string,
    runtime: FakeRuntime | 'auto',
    more: Partial<ProcessConfig> = {},
  ): BackendInfo {
    const config: ProcessConfig = {
      runtime,
      script: 'backends/worker.ts',
      command: null,
      sidecar: null,
      args: [],
      runtimeArgs: [],
      cwd: null,
      env: [],
      permissions: null,
      limits: null,
      restart: null,
      detached: null,
      fallback: [],
      framing: 'lines',
      ...more,
    }
    const backend: BackendInfo = {
      name,
      source: { kind: 'script', value: config.script ?? '' },
      config,
      autostart: false,
    }
    this.backends.push(backend)
    return backend
  }

  start(name: string, ago = 0): FakeProcess {
    const backend = this.backends.find((declared) => declared.name === name)
    if (!backend) {
      throw {
        kind: 'notAllowed',
        name,
        message: `not allowed: window 'main' may not use 'spawn' on the process '${name}'. To allow it, add to the permissions of its capability (src-tauri/capabilities): { "identifier": "js:allow-spawn", "allow": [{"name":"${name}","script":"worker"}] }`,
      }
    }
    const runtime = this.#choose(backend.config.runtime ?? 'auto')
    const known = this.processes.get(name)
    const process =
      known ??
      new FakeProcess(name, backend.config, runtime, {
        serve: serveFake,
        onChange: (info) => this.#notify({ kind: 'process', process: info }),
      })
    this.processes.set(name, process)
    if (!known || known.info.state.state === 'exited') process.start(ago)
    return process
  }

  async invoke(command: string, args: unknown, headers: Headers): Promise<unknown> {
    const { name, channel } = (args ?? {}) as { name: string; channel: unknown }
    switch (command) {
      case 'spawn':
      case 'ensure':
        return { ...this.start(name).info, started: true }
      case 'kill':
        return this.#process(name).stop()
      case 'kill_all':
        return this.processes.forEach((process) => process.stop())
      case 'restart':
        return this.#restart(name)
      case 'remove':
        this.processes.delete(name)
        return this.#notify({ kind: 'removed', name })
      case 'list_processes':
        return this.#list()
      case 'list_backends':
        return this.backends
      case 'get_config':
        return this.#process(name).config
      case 'detect_runtimes':
        return this.runtimes
      case 'get_runtime_paths':
        return this.paths
      case 'set_runtime_path':
        return this.#setPath(args as { runtime: string; path: string })
      case 'watch':
        return this.#watch(sender(channel))
      case 'attach':
        return this.#attach(name, sender(channel))
      case 'write':
        this.#process(decodeURIComponent(headers.get('js-name') ?? '')).write(
          decoder.decode(args as Uint8Array),
        )
        return 0
      case 'write_stdin':
        return this.#process(name).write((args as Args).data as string)
      case 'count_primes':
        return this.#countPrimes(name, args as Args)
      default:
        return null
    }
  }

  /** The app's own command of this name. */
  async #countPrimes(name: string, { limit, onProgress }: Args) {
    const { runtime } = this.#process(name)
    const send = sender(onProgress)
    let found = 0
    for await (const progress of fakeCounts(limit as number)) {
      found = progress.found
      send(progress)
    }
    return { system: { runtime, version: '2.9.5' }, found }
  }

  /** The requested runtime; for `auto` the first available one. Throws if it is not available. */
  #choose(requested: Runtime): FakeRuntime {
    const found = this.runtimes.find(({ name, available }) =>
      requested === 'auto' ? available : name === requested,
    )
    if (found?.available) return found.name as FakeRuntime
    const reason =
      requested === 'embedded'
        ? 'the embedded engine is not part of this build: enable the cargo feature "embedded" of tauri-plugin-js, or of js-runtime outside Tauri'
        : `not on PATH, not on the login shell's PATH and not in the usual places; install ${requested}`
    const message = `runtime not available: ${requested} (${reason})`
    throw { kind: 'runtimeUnavailable', message }
  }

  #process(name: string): FakeProcess {
    const process = this.processes.get(name)
    if (!process) throw { kind: 'notFound', name, message: `process not found: ${name}` }
    return process
  }

  #list = (): ProcessInfo[] => [...this.processes.values()].map(({ info }) => info)

  #restart(name: string): Promise<ProcessInfo> {
    const process = this.#process(name)
    process.stop()
    return new Promise((resolve) =>
      setTimeout(() => {
        process.start()
        resolve(process.info)
      }, 600),
    )
  }

  #setPath({ runtime, path }: { runtime: string; path: string }): void {
    if (path && !path.startsWith('/')) {
      throw { kind: 'path', message: `"${path}" is not an absolute path` }
    }
    this.paths = { ...this.paths, [runtime]: path }
    if (!path) delete this.paths[runtime]
    this.runtimes = this.runtimes.map((info) =>
      info.name === runtime && path ? { ...info, path, version: '24.1.0', available: true } : info,
    )
  }

  #attach(name: string, send: (message: unknown) => void) {
    const process = this.#process(name)
    const next = process.attach('main', send)
    return { process: process.info, next, fresh: true }
  }

  #watch(send: (message: WatchMessage) => void): null {
    if (this.refusal !== null) throw this.refusal
    this.#watchers.push(send)
    send({ kind: 'snapshot', processes: this.#list() })
    const measure = () => send({ kind: 'usage', usage: this.#usage() })
    measure()
    setInterval(measure, 1000)
    return null
  }

  #usage(): Usage[] {
    const running = [...this.processes.values()].filter(({ info }) => info.running)
    return running.map(({ info, runtime, isBlocked }) => {
      const noise = Math.random()
      const embedded = runtime === 'embedded'
      const memory = { embedded: 11, deno: 74, bun: 41, node: 63 }[runtime]
      return {
        name: info.name,
        cpuPercent: isBlocked ? 99.6 : noise < 0.5 ? noise : noise * 3,
        memoryBytes: (memory + noise) * MB,
        memoryKind: embedded ? 'heap' : 'rss',
        limitBytes: embedded ? 64 * MB : null,
      }
    })
  }

  #notify(message: WatchMessage): void {
    for (const send of this.#watchers) send(message)
  }
}
