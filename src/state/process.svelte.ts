// One process on the page: its info, usage, configuration, console and RPC connection.
import {
  connect,
  getConfig,
  onEvent,
  type Connected,
  type ProcessConfig,
  type ProcessEvent,
  type ProcessInfo,
  type UnlistenFn,
  type Usage,
} from 'tauri-plugin-js-api'
import type { WorkerApi } from '../../backends/shared-api.ts'
import { describe, isExited } from '../lib/describe'
import { explain, type Problem } from '../lib/hints'
import { summarise } from '../lib/stats'
import type { CallTarget, RemoteWorker } from './call-target'
import { ConsoleLog, deniedLines } from './console'
import { FaultRun } from './fault.svelte'
import { Playground } from './playground.svelte'
import { RustCalls } from './rust-calls.svelte'

const MAX_LATENCIES = 40
/** The longest time a call waits for the event stream to reach the generation of the list. */
const STREAM_TIMEOUT_MS = 2000
/** Averaged into one sample: the clock of WebKit is too coarse for one round trip. */
const PINGS_PER_SAMPLE = 5

export class Process implements CallTarget {
  readonly name: string
  readonly log = new ConsoleLog()
  readonly playground: Playground
  readonly fault: FaultRun
  readonly rust: RustCalls
  info: ProcessInfo = $state.raw()!
  usage: Usage | null = $state.raw(null)
  config: ProcessConfig | null = $state.raw(null)
  /** Set if this window may not see the output. */
  consoleProblem: Problem | null = $state.raw(null)
  /** Round trips in milliseconds, oldest first. */
  latency: number[] = $state.raw([])
  /** The time of the unanswered ping, null if there is none. */
  pingSentAt: number | null = $state(null)
  /** Increases when the console changes. */
  logVersion = $state(0)

  readonly described = $derived(describe(this.info.state))
  readonly exited = $derived(isExited(this.info))
  readonly p50 = $derived(summarise(this.latency)?.p50 ?? null)
  /** True if the name of the script is that of a demo worker. */
  readonly isDemoWorker = $derived(this.config !== null && hasEcho(this.config))

  #connection: Promise<Connected<WorkerApi>> | null = null
  #unlisten: Promise<UnlistenFn>
  #redrawPending = false
  /** The generation of the latest event. */
  #streamGeneration = 0
  #streamWaiters: (() => void)[] = []

  constructor(info: ProcessInfo) {
    this.name = info.name
    this.info = info
    this.playground = new Playground(this)
    this.fault = new FaultRun(this)
    this.rust = new RustCalls(this)
    this.#unlisten = onEvent(info.name, (event) => this.#onEvent(event))
    this.#unlisten.catch((error: unknown) => {
      this.consoleProblem = explain(`No access to the output of ${this.name}`, error)
    })
    void this.#loadConfig()
  }

  update(info: ProcessInfo): void {
    const restarted = info.generation !== this.info.generation
    this.info = info
    if (restarted) {
      this.latency = []
      void this.#loadConfig()
    }
  }

  dispose(): void {
    this.#connection?.then((connection) => connection.close()).catch(() => {})
    this.#unlisten.then((unlisten) => unlisten()).catch(() => {})
  }

  /** Calls the current generation of the backend. Rejects when that generation ends. */
  async call<T>(invoke: (api: RemoteWorker) => Promise<T>): Promise<T> {
    if (!this.info.running) throw new Error(`${this.name} is not running.`)
    await this.#streamCaughtUp()
    this.#connection ??= connect<WorkerApi>(this.name)
    const { api } = await this.#connection.catch((error: unknown) => {
      // The next call tries again.
      this.#connection = null
      throw error
    })
    return invoke(api)
  }

  /** Measures a round trip, unless a ping is pending. */
  async ping(): Promise<void> {
    if (this.pingSentAt !== null || !this.info.running || !this.isDemoWorker) return
    this.pingSentAt = Date.now()
    try {
      const begin = performance.now()
      for (let i = 0; i < PINGS_PER_SAMPLE; i++) await this.call((api) => api.echo('ping'))
      this.addLatency((performance.now() - begin) / PINGS_PER_SAMPLE)
    } catch {
      // The process ended, which its state shows.
    } finally {
      this.pingSentAt = null
    }
  }

  addLatency(sample: number): void {
    this.latency = [...this.latency.slice(1 - MAX_LATENCIES), sample]
  }

  /** Shows a permission error in the console: the rejection of a call is not part of the output. */
  addDenial(message: string): void {
    const at = Date.now()
    for (const line of deniedLines(message)) this.log.write(line, at)
    this.logVersion++
  }

  clearConsole(): void {
    this.log.clear()
    this.logVersion++
  }

  /**
   * Waits until the event stream reaches the generation of the list. The two use separate channels,
   * and an earlier call would go to the previous generation.
   */
  #streamCaughtUp(): Promise<void> {
    if (this.#streamGeneration >= this.info.generation || this.consoleProblem) {
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.#streamWaiters.push(resolve)
      setTimeout(resolve, STREAM_TIMEOUT_MS)
    })
  }

  #onEvent(event: ProcessEvent): void {
    this.#streamGeneration = event.generation
    if (this.#streamGeneration >= this.info.generation) {
      for (const resolve of this.#streamWaiters.splice(0)) resolve()
    }
    if (!this.log.add(event, Date.now()) || this.#redrawPending) return
    // One redraw per frame, for any number of lines.
    this.#redrawPending = true
    requestAnimationFrame(() => {
      this.#redrawPending = false
      this.logVersion++
    })
  }

  async #loadConfig(): Promise<void> {
    try {
      this.config = await getConfig(this.name)
    } catch {
      // Removed, or not allowed. The tab that shows the configuration says so.
      this.config = null
    }
  }
}

/** The path of the script, or its name as a bundled module, which may contain a hash. */
const WORKER = /(^|[\\/])worker([.-][\w.-]*)?$/
/** Workers for one runtime, such as `bun-worker.ts`. They implement only `BackendApi`. */
const SIMPLE_WORKER = /(^|[\\/])(bun|deno|node)-worker([.-][\w.-]*)?$/

/** True for the demo worker with all methods. */
export const runsWorker = ({ script }: ProcessConfig) => WORKER.test(script ?? '')

/** True for workers that implement at least `echo`. */
const hasEcho = (config: ProcessConfig) =>
  runsWorker(config) || SIMPLE_WORKER.test(config.script ?? '')
