// The store of the page: processes, selection, and the commands on them.
import { invoke } from '@tauri-apps/api/core'
import {
  ensure,
  kill,
  killAll,
  listBackends,
  remove,
  restart,
  spawn,
  watchProcesses,
  type BackendInfo,
  type ProcessInfo,
  type SpawnConfig,
  type WatchMessage,
} from 'tauri-plugin-js-api'
import { describe } from '../lib/describe'
import { needsEngine } from '../lib/engine'
import { explain, type Problem } from '../lib/hints'
import { emptyList, reduce, totals } from './processes'
import { Process } from './process.svelte'
import { runtimes } from './runtimes.svelte'
import { load, save } from './storage'
import { toasts } from './toasts.svelte'

export const TABS = ['console', 'playground', 'faults', 'permissions'] as const
export type Tab = (typeof TABS)[number]
export type Dialog = 'spawn' | 'runtimes' | 'palette' | 'kill-all' | 'keys'

const USAGE_MS = 1000
const HEARTBEAT_MS = 2000

class App {
  status: 'connecting' | 'ready' | 'failed' = $state('connecting')
  problem: Problem | null = $state.raw(null)
  /** Sorted by name. */
  processes: Process[] = $state.raw([])
  backends: BackendInfo[] = $state.raw([])
  selectedName: string | null = $state(load('selected', null))
  tab: Tab = $state('console')
  dialog: Dialog | null = $state(null)
  heartbeat = $state(load('heartbeat', true))
  /** Names of backends with a pending start. */
  starting: ReadonlySet<string> = $state.raw(new Set<string>())
  /** The last state change, for screen readers. */
  announcement = $state('')

  #listed = $state.raw(emptyList)
  #runningWaiters = new Map<string, (process: Process) => void>()

  readonly selected = $derived(
    this.processes.find(({ name }) => name === this.selectedName) ?? this.processes[0] ?? null,
  )
  readonly totals = $derived(
    totals(this.#listed, (info) => describe(info.state).shape === 'failed'),
  )

  async connect(): Promise<void> {
    this.status = 'connecting'
    try {
      await watchProcesses((message) => this.apply(message), { usageMs: USAGE_MS })
      this.status = 'ready'
    } catch (error) {
      this.problem = explain('This window cannot watch processes', error)
      this.status = 'failed'
      return
    }
    await this.loadBackends()
    setInterval(() => this.#pingAll(), HEARTBEAT_MS)
  }

  apply(message: WatchMessage): void {
    this.#listed = reduce(this.#listed, message)
    if (message.kind === 'usage') {
      for (const process of this.processes) {
        process.usage = this.#listed.usage.get(process.name) ?? null
      }
      return
    }
    this.#announce(message)
    this.#syncProcesses([...this.#listed.processes.values()])
  }

  /** Resolves with the process when this page receives its state `running`. */
  whenRunning(name: string): Promise<Process> {
    const running = this.processes.find((process) => process.name === name && process.info.running)
    if (running) return Promise.resolve(running)
    return new Promise((resolve) => this.#runningWaiters.set(name, resolve))
  }

  select(name: string): void {
    this.selectedName = name
    save('selected', name)
  }

  /** Selects the next or the previous process. */
  moveSelection(by: 1 | -1): void {
    const index = this.processes.findIndex((process) => process === this.selected)
    const next = this.processes[Math.min(Math.max(index + by, 0), this.processes.length - 1)]
    if (next) this.select(next.name)
  }

  async start(name: string): Promise<void> {
    if (this.starting.has(name)) return
    this.starting = new Set(this.starting).add(name)
    try {
      await ensure(name)
      this.select(name)
    } catch (error) {
      toasts.fail(`Could not start ${name}`, error)
    } finally {
      this.starting = new Set([...this.starting].filter((other) => other !== name))
    }
  }

  /** False if the backend needs the embedded engine and this build lacks it. */
  canStart({ config }: BackendInfo): boolean {
    return runtimes.hasEngine || !needsEngine(config)
  }

  async startAll(): Promise<void> {
    const backends = this.backends.filter((backend) => this.canStart(backend))
    await Promise.all(backends.map(({ name }) => this.start(name)))
  }

  /** Starts an undeclared process. Throws, so that the form can show the error. */
  async spawn(name: string, config: SpawnConfig): Promise<void> {
    await spawn(name, config)
    this.select(name)
  }

  kill = (name: string) => this.#runCommand(`Could not kill ${name}`, () => kill(name))
  restart = (name: string) => this.#runCommand(`Could not restart ${name}`, () => restart(name))
  remove = (name: string) => this.#runCommand(`Could not remove ${name}`, () => remove(name))
  killAll = () => this.#runCommand('Could not kill all processes', killAll)
  openWindow = () => this.#runCommand('Could not open a window', () => invoke('open_window'))

  setHeartbeat(on: boolean): void {
    this.heartbeat = on
    save('heartbeat', on)
  }

  async loadBackends(): Promise<void> {
    try {
      this.backends = await listBackends()
    } catch (error) {
      toasts.fail('Could not list the declared backends', error)
    }
  }

  async #runCommand(title: string, action: () => Promise<unknown>): Promise<void> {
    try {
      await action()
    } catch (error) {
      toasts.fail(title, error)
    }
  }

  #announce(message: WatchMessage): void {
    if (message.kind === 'process') {
      const { name, state } = message.process
      this.announcement = `${name}: ${describe(state).label}`
    } else if (message.kind === 'removed') this.announcement = `${message.name} removed`
  }

  /** Creates, updates and disposes processes to match the list. Existing processes keep their consoles. */
  #syncProcesses(infos: ProcessInfo[]): void {
    const known = new Map(this.processes.map((process) => [process.name, process]))
    const processes = infos.map((info) => {
      const process = known.get(info.name)
      if (!process) return new Process(info)
      known.delete(info.name)
      if (process.info !== info) process.update(info)
      return process
    })
    for (const removed of known.values()) removed.dispose()
    this.processes = processes.sort((a, b) => a.name.localeCompare(b.name))
    for (const process of processes) {
      if (!process.info.running) continue
      this.#runningWaiters.get(process.name)?.(process)
      this.#runningWaiters.delete(process.name)
    }
  }

  #pingAll(): void {
    if (!this.heartbeat || document.hidden) return
    for (const process of this.processes) void process.ping()
  }
}

export const app = new App()
