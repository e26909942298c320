/** {@link connect}: typed calls between a page and a backend, across restarts of the backend. */
import { safely } from './error.ts'
import type { ProcessEvent } from './event.ts'
import { GenerationConnection } from './generation-connection.ts'
import type { CallOptions } from './rpc/pending-calls.ts'
import type { Request } from './rpc/kkrpc.ts'
import { remote, withCallOptions } from './rpc/remote.ts'
import type { Remote } from './rpc/types.ts'
import { acquire, release } from './stream-registry.ts'
import type { ProcessStream } from './stream.ts'

/** Options of {@link connect}. */
export interface ConnectOptions {
  /** Milliseconds after which a call fails with the kind `timeout`. **Default:** never. */
  timeout?: number
  /** Called after a restart, when the connection has joined the new generation. */
  onRestart?: (generation: number) => void
}

/** A connection that {@link connect} has made. */
export interface Connected<RemoteApi extends object> {
  /** The functions of the backend. */
  readonly api: Remote<RemoteApi>
  /** The generation of the backend that calls go to. */
  readonly generation: number
  /** Closes the connection: pending and later calls reject with the kind `closed`. The backend keeps running. */
  close(): void
}

/**
 * Connects to a backend that runs `serve(api)` of `tauri-plugin-js-api/backend`, or any version of kkrpc.
 *
 * The connection survives restarts of the backend. When the backend ends, pending calls reject with its exit
 * reason (kind `exited`), and so do calls until it runs again. Later calls go to the new generation. No call
 * of one generation reaches another.
 *
 * @typeParam RemoteApi - The functions that the backend offers.
 * @param name - The name of a process that has been started.
 * @param localApi - Functions of the page that the backend may call. If several windows offer the same function,
 * one window answers: to `serve` the latest to connect, to kkrpc the first to claim the request. Rust code
 * answers `serve` if no window offers the function, and kkrpc before any window.
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * await ensure('math')
 * const { api } = await connect<MathApi>('math')
 * console.log(await api.add(1, 2))
 * for await (const row of await api.rows()) console.log(row)
 * ```
 */
export async function connect<RemoteApi extends object, LocalApi extends object = object>(
  name: string,
  localApi?: LocalApi,
  options: ConnectOptions = {},
): Promise<Connected<RemoteApi>> {
  const stream = await acquire(name)
  const connection = new Connection(stream, localApi, options)
  const api = remote<RemoteApi>((request, call) => connection.call(request, call))
  return {
    api: options.timeout ? withCallOptions(api, { timeout: options.timeout }) : api,
    get generation() {
      return connection.generation
    },
    close: () => connection.close(),
  }
}

class Connection {
  readonly #stream: ProcessStream
  readonly #localApi: object | undefined
  readonly #options: ConnectOptions
  #current: GenerationConnection
  #isClosed = false
  readonly #listener: (event: ProcessEvent) => void

  constructor(stream: ProcessStream, localApi: object | undefined, options: ConnectOptions) {
    this.#stream = stream
    this.#localApi = localApi
    this.#options = options
    this.#current = new GenerationConnection(stream, localApi)
    this.#listener = ({ generation }) => {
      if (generation > this.generation) this.#rejoin()
    }
    stream.listen(this.#listener, false)
    addEventListener('pageshow', this.#shown)
  }

  get generation(): number {
    return this.#current.generation
  }

  call(request: Request, options: CallOptions): Promise<unknown> {
    // The answer of `restart` may name a generation whose events have not arrived.
    if (!this.#isClosed && this.#stream.latestGeneration > this.generation) this.#rejoin()
    return this.#current.endpoint.call(request, options)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    removeEventListener('pageshow', this.#shown)
    this.#stream.unlisten(this.#listener)
    this.#current.leave()
    release(this.#stream)
  }

  /** The plugin has ended the connection of a page that comes back from the back/forward cache. */
  readonly #shown = ({ persisted }: PageTransitionEvent) => {
    if (persisted) this.#rejoin()
  }

  #rejoin(): void {
    const before = this.generation
    this.#current.leave()
    this.#current = new GenerationConnection(this.#stream, this.#localApi)
    const { onRestart } = this.#options
    if (onRestart && this.generation > before) safely(onRestart, this.generation)
  }
}
