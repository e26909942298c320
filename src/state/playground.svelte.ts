// Manual calls: the call form, and the outcome of the last call of each process.
import { repeat, resolution } from '../lib/bench'
import { explain, type Problem } from '../lib/hints'
import { parseArgs, pretty } from '../lib/json'
import { METHODS, METHOD_NAMES, type MethodName } from '../lib/methods'
import { histogram, summarise, type Bin, type Summary } from '../lib/stats'
import type { CallTarget, RemoteWorker } from './call-target'
import { load, save } from './storage'

/** The contents of the call form. All processes share it, so that one call can be tried on each. */
class CallDraft {
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

export const draft = new CallDraft()

/** The call in the form as a function of a backend. Throws if the arguments are not JSON. */
export function draftedCall(onItem: (item: unknown) => void = () => {}) {
  const { method } = draft
  const { encode, callsBack } = METHODS[method]
  const typed = parseArgs(draft.args)
  const args = encode ? encode(typed) : typed
  if (callsBack) args.push(onItem)
  return async (api: RemoteWorker) => {
    const remote = api[method] as (...args: unknown[]) => Promise<unknown>
    const result = await remote(...args)
    return isAsyncIterable(result) ? readAll(result, onItem) : result
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** Reads a stream and resolves with its last item. */
async function readAll(items: AsyncIterable<unknown>, onItem: (item: unknown) => void) {
  let last: unknown
  for await (const item of items) {
    last = item
    onItem(item)
  }
  return last
}

export type Outcome =
  | { kind: 'value'; method: string; ms: number; text: string; items: unknown[] }
  | { kind: 'error'; method: string; ms: number; problem: Problem }
  | { kind: 'runs'; method: string; total: number; summary: Summary; bins: Bin[] }

const BINS = 32
const MAX_ITEMS = 200

export class Playground {
  outcome: Outcome | null = $state.raw(null)
  /** The progress of the running call. */
  busy: { done: number; times: number } | null = $state.raw(null)
  /** The latest items of a streaming call. */
  items: unknown[] = $state.raw([])
  readonly #process: CallTarget
  #cancelled = false

  constructor(process: CallTarget) {
    this.#process = process
  }

  async call(): Promise<void> {
    await this.#run(1, async () => {
      const { method } = draft
      const invoke = draftedCall((item) => (this.items = [...this.items, item].slice(-MAX_ITEMS)))
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
      this.#process.addDenial(problem.message)
      this.outcome = { kind: 'error', method, ms: performance.now() - begin, problem }
    } finally {
      this.busy = null
    }
  }
}
