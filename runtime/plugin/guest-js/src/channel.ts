/** {@link createChannel}: a connection in the shape of `tauri-plugin-js`. */
import { GenerationConnection } from './generation-connection.ts'
import { JsRuntimeIo } from './io.ts'
import { remote, withCallOptions } from './rpc/remote.ts'
import { acquire, release } from './stream-registry.ts'
import { LazyTransport, type RpcTransport } from './transport.ts'

/** The methods of kkrpc's `RPCChannel`. */
export interface RpcChannel<Local extends object, Remote extends object> {
  /** The functions of the backend. */
  getAPI(): Remote
  /** Replaces the functions that the backend may call. */
  expose(localApi: Local): void
  /** Releases the functions that were passed as arguments. */
  freeCallbacks(): void
  /** Closes the connection. */
  destroy(): void
}

/** A connection to a backend. */
export interface Connection<Local extends object, Remote extends object> {
  channel: RpcChannel<Local, Remote>
  /** The functions of the backend. Each call returns a promise. */
  api: Remote
  /** For kkrpc 0.x. `destroy()` closes this connection. */
  io: JsRuntimeIo
  /** For kkrpc 1.0 and later. `close()` closes this connection. */
  transport: RpcTransport
}

/** Options of {@link createChannel}. */
export interface ChannelOptions {
  /** Milliseconds after which an unanswered call fails; 0 for never. **Default:** never. */
  timeout?: number
}

/**
 * Connects to a process that serves an API: with `serve` of this package, or with any version of kkrpc.
 *
 * The connection belongs to one generation of the process: the latest that an event or an answer of `spawn`,
 * `ensure`, `restart` or `getStatus` has named. When that generation ends, pending and later calls reject with
 * its exit reason. {@link connect} makes a connection that survives restarts.
 *
 * @typeParam Local - The functions that the page offers.
 * @typeParam Remote - The functions that the backend offers.
 * @param processName - The name of a process that has been started.
 * @param localApi - Functions of the page that the backend may call. Without it, the page does not answer
 * requests of the backend; another window may.
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * await ensure('math')
 * const { api } = await createChannel<object, MathApi>('math')
 * console.log(await api.add(1, 2))
 * ```
 */
export async function createChannel<Local extends object, Remote extends object>(
  processName: string,
  localApi?: Local,
  options: ChannelOptions = {},
): Promise<Connection<Local, Remote>> {
  const stream = await acquire(processName)
  const connection = new GenerationConnection(stream, localApi, () => release(stream))
  const { endpoint } = connection
  const calls = remote<Remote>((request, call) => endpoint.call(request, call))
  const api = withCallOptions(calls, { timeout: options.timeout }) as unknown as Remote
  const io = new JsRuntimeIo(processName)
  const transport = new LazyTransport(processName)
  const [destroy, close] = [io.destroy.bind(io), transport.close.bind(transport)]
  const closeAll = () => {
    connection.leave()
    destroy()
    close()
  }
  io.destroy = transport.close = closeAll
  const channel: RpcChannel<Local, Remote> = {
    getAPI: () => api,
    expose: (offered) => connection.expose(offered),
    freeCallbacks: () => endpoint.freeCallbacks(),
    destroy: closeAll,
  }
  return { channel, api, io, transport }
}
