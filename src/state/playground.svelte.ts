// Calls by hand: what is typed, and what came back from each process.
import type { WorkerApi } from '../../backends/shared-api.ts'
import { repeat } from '../lib/bench'
import { explain, type Problem } from '../lib/hints'
import { parseArgs, pretty } from '../lib/json'
import { METHODS, METHOD_NAMES, type MethodName } from '../lib/methods'
import { histogram, summarise, type Bin, type Summary } from '../lib/stats'
import { resolution } from '../lib/timer'
import type { Process } from './process.svelte'
import { load, save } from './storage'

/** What is typed: the same for every process, so that one call can be tried on all of them. */
class Draft {
  method: MethodName = $state('echo')
  #texts: Partial<Record<MethodName, string>> = $state(load('arguments', {}))

  constructor() {
    const stored = load<MethodName>('method', 'echo')
    if (METHOD_NAMES.includes(stored)) this.method = stored
  }

  get args(): string {
    return this.#texts[this.method] ?? JSON.stringify(METHODS[this.method].args)
  }

  set args(text: string) {
    this.#texts[this.method] = text
    save('arguments', this.#texts)
  }

  choose(method: MethodName): void {
    this.method = method
    save('method', method)
  }

  reset(): void {
    delete this.#texts[this.method]
    save('arguments', this.#texts)
  }
}

export const draft = new Draft()

/** The call as typed, ready to be made on any backend; throws when the arguments are no JSON. */
export function draftedCall(onItem: (item: unknown) => void = () => {}) {
  const { method } = draft
  const { encode, streams } = METHODS[method]
  const typed = parseArgs(draft.args)
  const args = encode ? encode(typed) : typed
  if (streams) args.push(onItem)
  return (api: WorkerApi) => {
    const remote = api[method] as (...args: unknown[]) => Promise<unknown>
    return remote(...args)
  }
}

export type Outcome =
  | { kind: 'value'; method: string; ms: number; text: string; items: unknown[] }
  | { kind: 'error'; method: string; ms: number; problem: Problem }
  | { kind: 'runs'; method: string; total: number; summary: Summary; bins: Bin[] }

const BINS = 32
const ITEMS_SHOWN = 200

export class Playground {
  outcome: Outcome | null = $state.raw(null)
  /** What is under way, and how far it is. */
  busy: { done: number; times: number } | null = $state.raw(null)
  /** What a streaming call has sent so far. */
  items: unknown[] = $state.raw([])
  readonly #process: Process
  #cancelled = false

  constructor(process: Process) {
    this.#process = process
  }

  async call(): Promise<void> {
    await this.#run(1, async () => {
      const { method } = draft
      const invoke = draftedCall((item) => (this.items = [...this.items, item].slice(-ITEMS_SHOWN)))
      const begin = performance.now()
      const value = await this.#process.call(invoke)
      const ms = performance.now() - begin
      return { kind: 'value', method, ms, text: pretty(value), items: this.items }
    })
  }

  async repeat(times: number): Promise<void> {
    await this.#run(times, async () => {
      const { method } = draft
      const invoke = draftedCall()
      const { samples, total } = await repeat(() => this.#process.call(invoke), {
        times,
        cancelled: () => this.#cancelled,
        onProgress: (done) => (this.busy = { done, times }),
      })
      const summary = summarise(samples)
      if (!summary) return null
      this.#process.addLatency(total / samples.length)
      const bins = histogram(samples, BINS, resolution)
      return { kind: 'runs', method, total, summary, bins }
    })
  }

  cancel(): void {
    this.#cancelled = true
  }

  async #run(times: number, work: () => Promise<Outcome | null>): Promise<void> {
    if (this.busy) return
    const { method } = draft
    this.#cancelled = false
    this.busy = { done: 0, times }
    this.outcome = null
    this.items = []
    const begin = performance.now()
    try {
      this.outcome = await work()
    } catch (error) {
      const problem = explain(`${method} was rejected`, error)
      this.#process.noteDenied(problem.message)
      this.outcome = { kind: 'error', method, ms: performance.now() - begin, problem }
    } finally {
      this.busy = null
    }
  }
}
