/** A typed connection to a backend, with whichever kkrpc the app has. */
import { usableTimeout } from './calls.ts'
import { JsRuntimeIo } from './io.ts'
import { LazyTransport, type RpcTransport } from './transport.ts'

/** What kkrpc's `RPCChannel` offers in all its versions. */
export interface RpcChannel<Local extends object, Remote extends object> {
  /** The backend's functions. */
  getAPI(): Remote
  /** Offers other functions to the backend; before kkrpc 1.0. */
  expose?(localApi: Local): void
  /** Forgets the functions that were handed over as arguments; before kkrpc 1.0. */
  freeCallbacks?(): void
  /** Closes the connection; from kkrpc 0.7 on. */
  destroy?(): void
}

/** A connection to a backend. */
export interface Connection<Local extends object, Remote extends object> {
  channel: RpcChannel<Local, Remote>
  /** The backend's functions; each call is a promise. */
  api: Remote
  /** What carries the frames with kkrpc 0.x. `destroy()` closes the connection with any version. */
  io: JsRuntimeIo
  /** What carries the frames from kkrpc 1.0 on. `close()` closes the connection with any version. */
  transport: RpcTransport
}

/** How {@link createChannel} connects. */
export interface ChannelOptions {
  /**
   * Milliseconds after which a call fails that was not answered; 0 for never. **Default:** never with
   * kkrpc 0.x, 30 000 from kkrpc 1.0 on.
   */
  timeout?: number
}

/** The exports of `kkrpc/browser` that matter here. */
interface Kkrpc {
  RPCChannel: new (carrier: unknown, options: object) => RpcChannel<object, object>
}

/**
 * Connects to a process that serves an API with kkrpc: its functions can be called as if they were
 * the page's own.
 *
 * The connection belongs to one start of the process: the latest that `spawn`, `ensure`, `restart` or
 * `getStatus` told of. When that ends, calls under way reject at once, with a message that says how it
 * ended, and so do later ones. A page that gives no `localApi` does not answer requests of the backend;
 * they may be for another window.
 *
 * @typeParam Local - What the page offers to the backend.
 * @typeParam Remote - What the backend offers.
 * @param processName - What the process is called. It must have been started.
 * @param localApi - Functions of the page that the backend may call.
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
  const isNative = speaksTransports(kkrpc)
  const [destroy, close] = [io.destroy.bind(io), transport.close.bind(transport)]
  // Closing either closes the connection, whichever of them carries it.
  io.destroy = transport.close = () => {
    destroy()
    close()
  }
  await (isNative ? transport.open() : io.initialize())
  const channel = new kkrpc.RPCChannel(isNative ? transport : io, {
    expose: localApi,
    ...(options.timeout === undefined ? {} : { timeout: usableTimeout(options.timeout) }),
  }) as RpcChannel<Local, Remote>
  return { channel, api: channel.getAPI(), io, transport }
}

/**
 * Whether this is kkrpc 1.0 or later, whose channels take a transport instead of an io: it is the one
 * that exports `wrap` and `expose`.
 */
function speaksTransports(kkrpc: object): boolean {
  return 'wrap' in kkrpc && 'expose' in kkrpc
}
