/** {@link createChannel}: a typed connection to a backend, with any supported version of kkrpc. */
import { JsRuntimeIo } from './io.ts'
import { usableTimeout } from './pending-requests.ts'
import { LazyTransport, type RpcTransport } from './transport.ts'

/** kkrpc's `RPCChannel`, as far as its versions agree. */
export interface RpcChannel<Local extends object, Remote extends object> {
  /** The functions of the backend. */
  getAPI(): Remote
  /** Replaces the functions that the backend may call. Only before kkrpc 1.0. */
  expose?(localApi: Local): void
  /** Releases the functions that were passed as arguments. Only before kkrpc 1.0. */
  freeCallbacks?(): void
  /** Closes the connection. From kkrpc 0.7 on. */
  destroy?(): void
}

/** A connection to a backend. */
export interface Connection<Local extends object, Remote extends object> {
  /** kkrpc's own channel. */
  channel: RpcChannel<Local, Remote>
  /** The functions of the backend. Each call returns a promise. */
  api: Remote
  /** Carries the frames with kkrpc 0.x. `destroy()` closes the connection with any version. */
  io: JsRuntimeIo
  /** Carries the frames from kkrpc 1.0 on. `close()` closes the connection with any version. */
  transport: RpcTransport
}

/** Options of {@link createChannel}. */
export interface ChannelOptions {
  /**
   * Milliseconds after which an unanswered call fails; 0 for never. **Default:** never with kkrpc 0.x, 30 000
   * from kkrpc 1.0 on.
   */
  timeout?: number
}

/** The exports of `kkrpc/browser` that all versions share. */
interface Kkrpc {
  RPCChannel: new (ioOrTransport: unknown, options: object) => RpcChannel<object, object>
}

/**
 * Connects to a process that serves an API with kkrpc.
 *
 * The connection belongs to one generation of the process: the latest that an event or an answer of `spawn`,
 * `ensure`, `restart` or `getStatus` has named. When that generation ends, pending and later calls reject with
 * its exit reason.
 *
 * @typeParam Local - The functions that the page offers.
 * @typeParam Remote - The functions that the backend offers.
 * @param processName - The name of a process that has been started.
 * @param localApi - Functions of the page that the backend may call. Without it, the page does not answer
 * requests of the backend; another window may.
 * @throws `notFound`, `notAllowed`; an error of the bundler or browser if kkrpc is not installed.
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
  const kkrpc = (await import('kkrpc/browser')) as unknown as Kkrpc
  const linkOptions = { answersRequests: localApi !== undefined, timeout: options.timeout }
  const io = new JsRuntimeIo(processName, linkOptions)
  const transport = new LazyTransport(processName, linkOptions)
  const usesTransport = hasTransports(kkrpc)
  const [destroy, close] = [io.destroy.bind(io), transport.close.bind(transport)]
  // Closing either one closes the connection, with any version of kkrpc.
  io.destroy = transport.close = () => {
    destroy()
    close()
  }
  await (usesTransport ? transport.open() : io.initialize())
  const channel = new kkrpc.RPCChannel(usesTransport ? transport : io, {
    expose: localApi,
    ...(options.timeout === undefined ? {} : { timeout: usableTimeout(options.timeout) }),
  }) as RpcChannel<Local, Remote>
  return { channel, api: channel.getAPI(), io, transport }
}

/** True for kkrpc 1.0 and later, whose `RPCChannel` takes a transport. Only those export `wrap` and `expose`. */
function hasTransports(kkrpc: object): boolean {
  return 'wrap' in kkrpc && 'expose' in kkrpc
}
