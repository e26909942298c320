// The same call on every runtime, one runtime after the other, so that they do not share the CPU.
import { ensure, type BackendInfo } from 'tauri-plugin-js-api'
import { repeat } from '../lib/bench'
import { RUNTIMES, type RealRuntime } from '../lib/describe'
import { kindOf, messageOf } from '../lib/hints'
import { summarise, type Summary } from '../lib/stats'
import { draft, draftedCall } from './playground.svelte'
import { runsWorker, type Process } from './process.svelte'
import { runtimes } from './runtimes.svelte'

export interface Result extends Summary {
  /** Milliseconds a call, over the whole run: what the bars show. */
  mean: number
  perSecond: number
}

export interface Contender {
  runtime: RealRuntime
  process: Process | null
  state: 'waiting' | 'starting' | 'running' | 'done' | 'failed'
  done: number
  result: Result | null
  problem: string | null
  /** The runtime is not on this machine. */
  missing: boolean
}

/** What the comparison needs of the page. */
export interface Field {
  processes: Process[]
  backends: BackendInfo[]
  /** The process of that name, once its start has been heard of here. */
  arrived(name: string): Promise<Process>
}

export const COMPARE_TIMES = [100, 300, 1000] as const
/** Compilers and caches get this much of a head start. */
const WARM_UP = 20

const untried = (runtime: RealRuntime): Contender => ({
  runtime,
  process: null,
  state: 'waiting',
  done: 0,
  result: null,
  problem: null,
  missing: false,
})

export class Compare {
  contenders: Contender[] = $state.raw(RUNTIMES.map(untried))
  times: number = $state(300)
  running = $state(false)
  /** The call that the figures are of. */
  method: string | null = $state(null)
  readonly best = $derived(
    Math.min(...this.contenders.flatMap(({ result }) => (result ? [result.mean] : []))),
  )
  readonly worst = $derived(
    Math.max(0, ...this.contenders.flatMap(({ result }) => (result ? [result.mean] : []))),
  )
  #cancelled = false

  async run(field: Field): Promise<void> {
    if (this.running) return
    this.running = true
    this.#cancelled = false
    this.method = `${draft.method}(${draft.args.trim().replace(/^\[|\]$/g, '')})`
    this.contenders = RUNTIMES.map(untried)
    for (const runtime of RUNTIMES) {
      if (this.#cancelled) break
      // Its lane says that it is not there.
      if (runtime === 'embedded' && !runtimes.hasEngine) continue
      try {
        await this.#measure(runtime, field)
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

  async #measure(runtime: RealRuntime, field: Field): Promise<void> {
    this.#set(runtime, { state: 'starting' })
    const process = await contender(runtime, field)
    this.#set(runtime, { process, state: 'running' })
    const invoke = draftedCall()
    const call = () => process.call(invoke)
    await repeat(call, { times: Math.min(WARM_UP, this.times) })
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

  #set(runtime: RealRuntime, change: Partial<Contender>): void {
    this.contenders = this.contenders.map((contender) =>
      contender.runtime === runtime ? { ...contender, ...change } : contender,
    )
  }
}

/** A live demo worker on that runtime, or a declared one, started for the purpose. */
async function contender(runtime: RealRuntime, field: Field): Promise<Process> {
  const live = field.processes.find(
    ({ info, config }) => info.running && info.runtime === runtime && config && runsWorker(config),
  )
  if (live) return live
  const declared = field.backends.find(
    ({ config }) => config.runtime === runtime && runsWorker(config),
  )
  if (!declared) throw new Error(`No declared backend runs the demo worker on ${runtime}.`)
  await ensure(declared.name)
  return field.arrived(declared.name)
}

export const compare = new Compare()
