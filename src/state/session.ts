// RPC with one generation of a process. Pending calls reject when the generation ends.
import { createChannel, type Connection } from 'tauri-plugin-js-api'
import type { WorkerApi } from '../../backends/shared-api.ts'

type Connected = Connection<object, WorkerApi>

export class Session {
  readonly #connection: Promise<Connected>
  readonly #abort = new AbortController()
  #isClosed = () => false

  constructor(name: string) {
    this.#connection = createChannel<object, WorkerApi>(name)
    this.#connection.then(
      ({ io }) => (this.#isClosed = () => io.isDestroyed),
      // `call` rejects with the error.
      () => (this.#isClosed = () => true),
    )
  }

  /** True if calls would reject. */
  get isClosed(): boolean {
    return this.#isClosed()
  }

  /** Calls the process. Rejects when the session is closed. */
  async call<T>(invoke: (api: WorkerApi) => Promise<T>): Promise<T> {
    const { api } = await this.#untilClosed(this.#connection)
    return this.#untilClosed(invoke(api))
  }

  close(why: string): void {
    if (this.#abort.signal.aborted) return
    this.#abort.abort(new Error(why))
    this.#connection.then(({ io }) => io.destroy()).catch(() => {})
  }

  #untilClosed<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#abort
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
      if (signal.aborted) abort()
    })
  }
}
