// Calls between the app's Rust code (src-tauri/src/rust_calls.rs) and a backend, in both directions.
import { Channel, invoke } from '@tauri-apps/api/core'
import type { AppInfo, PrimeCount, SystemInfo } from '../../backends/shared-api.ts'
import { explain, type Problem } from '../lib/hints'
import type { CallTarget } from './call-target'

/** The answer of the Rust command `count_primes`. */
export interface Counted {
  /** The backend that has counted. */
  system: Pick<SystemInfo, 'runtime' | 'version'>
  found: number
}

/** What the page has received from `count_primes`. */
export interface Counting {
  progress: PrimeCount
  /** The number of progress messages. */
  messages: number
  answer: Counted | null
}

/** The command counts the primes below this number. */
export const PRIME_LIMIT = 1_000_000

export class RustCalls {
  counting: Counting | null = $state.raw(null)
  appInfo: AppInfo | null = $state.raw(null)
  busy: 'counting' | 'asking' | null = $state(null)
  problem: Problem | null = $state.raw(null)
  readonly #target: CallTarget

  constructor(target: CallTarget) {
    this.#target = target
  }

  /** Rust calls the backend: a command of the app reads a stream of the backend. */
  async countPrimes(): Promise<void> {
    const { name } = this.#target.info
    await this.#run('counting', `Rust could not call ${name}`, async () => {
      const onProgress = new Channel<PrimeCount>()
      let counting: Counting = { progress: { checked: 0, found: 0 }, messages: 0, answer: null }
      const update = (change: Partial<Counting>) => {
        this.counting = counting = { ...counting, ...change }
      }
      update({})
      onProgress.onmessage = (progress) => update({ progress, messages: counting.messages + 1 })
      const answer = await invoke<Counted>('count_primes', { name, limit: PRIME_LIMIT, onProgress })
      update({ answer })
    })
  }

  /** The backend calls Rust: the page asks the backend, and the backend asks the app. */
  async askForApp(): Promise<void> {
    const { name } = this.#target.info
    await this.#run('asking', `${name} could not call Rust`, async () => {
      this.appInfo = null
      this.appInfo = await this.#target.call((api) => api.appInfo())
    })
  }

  async #run(busy: 'counting' | 'asking', title: string, work: () => Promise<void>): Promise<void> {
    if (this.busy) return
    this.busy = busy
    this.problem = null
    try {
      await work()
    } catch (error) {
      this.problem = explain(title, error)
    } finally {
      this.busy = null
    }
  }
}
