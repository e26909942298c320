// One process as the page sees it: what the plugin says about it, what it said, and RPC with it.
import {
  getConfig,
  onEvent,
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
import { ConsoleLog, deniedLines } from './console'
import { FaultRun } from './fault.svelte'
import { Playground } from './playground.svelte'
import { Session } from './session'

const LATENCIES = 40
/** What the list says first, the stream says soon after; no call waits longer for it. */
const CATCH_UP_MS = 2000
/** Averaged into one sample: WebKit's clock alone is too coarse for a single round trip. */
const PINGS = 5

export class Process {
  readonly name: string
  readonly log = new ConsoleLog()
  readonly playground: Playground
  readonly fault: FaultRun
  info: ProcessInfo = $state.raw()!
  usage: Usage | null = $state.raw(null)
  config: ProcessConfig | null = $state.raw(null)
  /** Why the console is silent, if the page may not listen. */
  consoleProblem: Problem | null = $state.raw(null)
  /** Milliseconds, oldest first. */
  latency: number[] = $state.raw([])
  /** Since when a ping waits for its answer. */
  waitingSince: number | null = $state(null)
  /** Grows whenever the console has new lines. */
  logVersion = $state(0)

  readonly described = $derived(describe(this.info.state))
  readonly exited = $derived(isExited(this.info))
  readonly p50 = $derived(summarise(this.latency)?.p50 ?? null)
  /** Whether it answers to the demo's API, as far as its script tells. */
  readonly speaks = $derived(this.config !== null && answers(this.config))

  #session: Session | null = null
  #unlisten: Promise<UnlistenFn>
  #drawing = false
  /** The latest generation that the stream has told of. */
  #heard = 0
  #whenHeard: (() => void)[] = []

  constructor(info: ProcessInfo) {
    this.name = info.name
    this.info = info
    this.playground = new Playground(this)
    this.fault = new FaultRun(this)
    this.#unlisten = onEvent(info.name, (event) => this.#hear(event))
    this.#unlisten.catch((error: unknown) => {
      this.consoleProblem = explain(`No console for ${this.name}`, error)
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
    if (restarted || isExited(info)) this.#closeSession('The process ended before it answered.')
  }

  dispose(): void {
    this.#closeSession('The process was removed.')
    this.#unlisten.then((unlisten) => unlisten()).catch(() => {})
  }

  /** Calls the backend in the session of its present generation. */
  async call<T>(invoke: (api: WorkerApi) => Promise<T>): Promise<T> {
    if (!this.info.running) throw new Error(`${this.name} is not running.`)
    await this.#caughtUp()
    // One that is over is of no use, whatever the list says by now.
    if (this.#session?.isOver) this.#closeSession('The connection is over.')
    this.#session ??= new Session(this.name)
    return this.#session.call(invoke)
  }

  /** Measures a round trip. Not while one is under way: a backend that hangs is asked only once. */
  async ping(): Promise<void> {
    if (this.waitingSince !== null || !this.info.running || !this.speaks) return
    this.waitingSince = Date.now()
    try {
      const begin = performance.now()
      for (let i = 0; i < PINGS; i++) await this.call((api) => api.echo('ping'))
      this.addLatency((performance.now() - begin) / PINGS)
    } catch {
      // It ended meanwhile, which its state says better.
    } finally {
      this.waitingSince = null
    }
  }

  addLatency(sample: number): void {
    this.latency = [...this.latency.slice(1 - LATENCIES), sample]
  }

  /** A refusal that came as an answer is not in the output: the console shows it all the same. */
  noteDenied(message: string): void {
    const at = Date.now()
    for (const line of deniedLines(message)) this.log.write(line, at)
    this.logVersion++
  }

  clearConsole(): void {
    this.log.clear()
    this.logVersion++
  }

  /**
   * Waits until the stream is at the generation that the list tells of: they come on channels of
   * their own, and a connection made too early would be to the generation before.
   */
  #caughtUp(): Promise<void> {
    if (this.#heard >= this.info.generation || this.consoleProblem) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenHeard.push(resolve)
      setTimeout(resolve, CATCH_UP_MS)
    })
  }

  #hear(event: ProcessEvent): void {
    this.#heard = event.generation
    if (this.#heard >= this.info.generation) {
      for (const resolve of this.#whenHeard.splice(0)) resolve()
    }
    if (!this.log.add(event, Date.now()) || this.#drawing) return
    // However many lines a batch has, they are drawn once.
    this.#drawing = true
    requestAnimationFrame(() => {
      this.#drawing = false
      this.logVersion++
    })
  }

  #closeSession(why: string): void {
    this.#session?.close(why)
    this.#session = null
  }

  async #loadConfig(): Promise<void> {
    try {
      this.config = await getConfig(this.name)
    } catch {
      // Removed meanwhile, or not this window's to see: the tab that shows it says so.
      this.config = null
    }
  }
}

/** By its file or by its name as a bundled module; a copy of it may have a hash in its name. */
const WORKER = /(^|[\\/])worker([.-][\w.-]*)?$/
/** Workers for one runtime alone, with the first few of the methods: `bun-worker.ts`. */
const SIMPLE_WORKER = /(^|[\\/])(bun|deno|node)-worker([.-][\w.-]*)?$/

/** Whether it has all methods of the demo worker. */
export const runsWorker = ({ script }: ProcessConfig) => WORKER.test(script ?? '')

/** Whether it answers to `echo`, at least. */
const answers = (config: ProcessConfig) =>
  runsWorker(config) || SIMPLE_WORKER.test(config.script ?? '')
