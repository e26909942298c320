/** {@link connect}: typed calls between a page and a backend, across restarts of the backend. */
import type { ConnectionEnd } from './connection-end.ts'
import { JsRuntimeError, safely } from './error.ts'
import type { ProcessEvent } from './event.ts'
import { invokeCommand, retryBriefly } from './invoke.ts'
import { Endpoint, type CallOptions } from './rpc/endpoint.ts'
import type { Request } from './rpc/kkrpc.ts'
import { remote, withCallOptions } from './rpc/remote.ts'
import type { Remote } from './rpc/types.ts'
import type { RpcSubscriber } from './rpc-subscribers.ts'
import { acquire, release } from './stream-registry.ts'
import type { ProcessStream } from './stream.ts'
import { writerOf } from './writer.ts'

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
 * reaches another generation than the one that it was made for.
 *
 * @typeParam RemoteApi - The functions that the backend offers.
 * @param name - The name of a process that has been started.
 * @param localApi - Functions of the page that the backend may call. If several windows and Rust code offer the
 * same function, one of them answers: the one that connected last.
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
  #current: Generation
  #isClosed = false
  readonly #listener: (event: ProcessEvent) => void

  constructor(stream: ProcessStream, localApi: object | undefined, options: ConnectOptions) {
    this.#stream = stream
    this.#localApi = localApi
    this.#options = options
    this.#current = new Generation(stream, localApi)
    this.#listener = ({ generation }) => {
      if (generation > this.generation) this.#rejoin()
    }
    stream.listen(this.#listener, false)
    addEventListener('pagehide', this.#leave)
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
    removeEventListener('pagehide', this.#leave)
    this.#stream.unlisten(this.#listener)
    this.#current.leave()
    release(this.#stream)
  }

  readonly #leave = () => this.#current.leave()

  #rejoin(): void {
    this.#current.leave()
    this.#current = new Generation(this.#stream, this.#localApi)
    const { onRestart } = this.#options
    if (onRestart) safely(onRestart, this.generation)
  }
}

/** The connection to one generation. */
class Generation implements RpcSubscriber {
  readonly generation: number
  readonly endpoint: Endpoint
  readonly #stream: ProcessStream
  #isOver = false

  constructor(stream: ProcessStream, api: object | undefined) {
    this.#stream = stream
    const { name } = stream
    this.endpoint = new Endpoint({
      api,
      send: (line) => writerOf(name).write(`${line}\n`, this.generation),
      claim: (request) => this.#claim(request),
    })
    // Frames that wait are delivered during this call, and answers to them need the generation.
    this.generation = stream.latestGeneration
    stream.addSubscriber(this)
    this.endpoint.greet()
  }

  line(text: string): void {
    this.endpoint.receive(text)
  }

  ended({ error }: ConnectionEnd): void {
    this.#isOver = true
    this.endpoint.close(error)
  }

  /** Tells the backend that this page has gone, which ends what the page has asked for. */
  leave(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stream.removeSubscriber(this)
    const { name } = this.#stream
    const bye = JSON.stringify({ t: 'bye', id: this.endpoint.id })
    writerOf(name)
      .write(`${bye}\n`, this.generation)
      // The process may have ended.
      .catch(() => {})
    const message = `the connection to process "${name}" was closed`
    this.endpoint.close(new JsRuntimeError('closed', message, name))
  }

  #claim(request: string): Promise<boolean> {
    const { generation } = this
    const { name } = this.#stream
    return retryBriefly(() => invokeCommand<boolean>('claim', { name, generation, request }))
  }
}
