// RPC with one generation of one process. Calls that are under way when it ends are rejected: the
// answer can not come any more.
import { createChannel, type Connection } from 'tauri-plugin-js-api'
import type { WorkerApi } from '../../backends/shared-api.ts'

type Connected = Connection<object, WorkerApi>

export class Session {
  readonly #connection: Promise<Connected>
  readonly #over = new AbortController()
  /** Whether calls would only be rejected. */
  #isOver = () => false

  constructor(name: string) {
    this.#connection = createChannel<object, WorkerApi>(name)
    this.#connection.then(
      ({ io }) => (this.#isOver = () => io.isDestroyed),
      // Whoever calls is told why.
      () => (this.#isOver = () => true),
    )
  }

  get isOver(): boolean {
    return this.#isOver()
  }

  /** Calls the process; rejects when the session is closed first. */
  async call<T>(invoke: (api: WorkerApi) => Promise<T>): Promise<T> {
    const { api } = await this.#untilOver(this.#connection)
    return this.#untilOver(invoke(api))
  }

  close(why: string): void {
    if (this.#over.signal.aborted) return
    this.#over.abort(new Error(why))
    this.#connection.then(({ io }) => io.destroy()).catch(() => {})
  }

  #untilOver<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#over
    return new Promise((resolve, reject) => {
      const end = () => reject(signal.reason)
      signal.addEventListener('abort', end, { once: true })
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
      if (signal.aborted) end()
    })
  }
}
