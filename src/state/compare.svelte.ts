// Repeats one call on every runtime, one runtime at a time, so that they do not compete for the CPU.
import { ensure, type BackendInfo } from 'tauri-plugin-js-api'
import { repeat } from '../lib/bench'
import { RUNTIMES, type RealRuntime } from '../lib/describe'
import { kindOf, messageOf } from '../lib/hints'
import { summarise, type Summary } from '../lib/stats'
import { draft, draftedCall } from './playground.svelte'
import { runsWorker, type Process } from './process.svelte'
import { runtimes } from './runtimes.svelte'

export interface Result extends Summary {
  /** Milliseconds per call, averaged over the whole run. */
  mean: number
  perSecond: number
}

/** One runtime of the comparison: a row of the table. */
export interface Lane {
  runtime: RealRuntime
  process: Process | null
  state: 'waiting' | 'starting' | 'running' | 'done' | 'failed'
  done: number
  result: Result | null
  problem: string | null
  /** The runtime is not installed. */
  missing: boolean
}

/** The part of the page that the comparison uses. */
export interface ProcessSource {
  processes: Process[]
  backends: BackendInfo[]
  /** Resolves with the process when this page receives its state `running`. */
  whenRunning(name: string): Promise<Process>
}

export const COMPARE_TIMES = [100, 300, 1000] as const
/** Unmeasured calls that warm up compilers and caches. */
const WARM_UP_CALLS = 20

const newLane = (runtime: RealRuntime): Lane => ({
  runtime,
  process: null,
  state: 'waiting',
  done: 0,
  result: null,
  problem: null,
  missing: false,
})

export class Compare {
  lanes: Lane[] = $state.raw(RUNTIMES.map(newLane))
  times: number = $state(300)
  running = $state(false)
  /** The measured call. */
  method: string | null = $state(null)
  readonly fastest = $derived(
    Math.min(...this.lanes.flatMap(({ result }) => (result ? [result.mean] : []))),
  )
  readonly slowest = $derived(
    Math.max(0, ...this.lanes.flatMap(({ result }) => (result ? [result.mean] : []))),
  )
  #cancelled = false

  async run(source: ProcessSource): Promise<void> {
    if (this.running) return
    this.running = true
    this.#cancelled = false
    this.method = `${draft.method}(${draft.args.trim().replace(/^\[|\]$/g, '')})`
    this.lanes = RUNTIMES.map(newLane)
    for (const runtime of RUNTIMES) {
      if (this.#cancelled) break
      // The row of the engine says that this build lacks it.
      if (runtime === 'embedded' && !runtimes.hasEngine) continue
      try {
        await this.#measure(runtime, source)
      } catch (error) {
        const missing = kindOf(error) === 'runtimeUnavailable'
        this.#set(runtime, { state: 'failed', problem: messageOf(error), missing })
      }
    }
    this.running = false
  }

  cancel(): void {
    this.#cancelled = true
  }

  async #measure(runtime: RealRuntime, source: ProcessSource): Promise<void> {
    this.#set(runtime, { state: 'starting' })
    const process = await findOrStart(runtime, source)
    this.#set(runtime, { process, state: 'running' })
    const invoke = draftedCall()
    const call = () => process.call(invoke)
    await repeat(call, { times: Math.min(WARM_UP_CALLS, this.times) })
    const { samples, total } = await repeat(call, {
      times: this.times,
      cancelled: () => this.#cancelled,
      onProgress: (done) => this.#set(runtime, { done }),
    })
    const summary = summarise(samples)
    if (!summary) return this.#set(runtime, { state: 'waiting' })
    const mean = total / samples.length
    process.addLatency(mean)
    const result = { ...summary, mean, perSecond: 1000 / mean }
    this.#set(runtime, { state: 'done', result })
  }

  #set(runtime: RealRuntime, change: Partial<Lane>): void {
    this.lanes = this.lanes.map((lane) =>
      lane.runtime === runtime ? { ...lane, ...change } : lane,
    )
  }
}

/** A running demo worker on the runtime. If there is none, starts a declared one. */
async function findOrStart(runtime: RealRuntime, source: ProcessSource): Promise<Process> {
  const running = source.processes.find(
    ({ info, config }) => info.running && info.runtime === runtime && config && runsWorker(config),
  )
  if (running) return running
  const declared = source.backends.find(
    ({ config }) => config.runtime === runtime && runsWorker(config),
  )
  if (!declared) throw new Error(`No declared backend runs the demo worker on ${runtime}.`)
  await ensure(declared.name)
  return source.whenRunning(declared.name)
}

export const compare = new Compare()
