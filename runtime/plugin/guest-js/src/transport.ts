/** The `Transport` of kkrpc 1.0 and later. */
import type { ConnectionEnd } from './connection-end.ts'
import { safely } from './error.ts'
import { errorResponse, headerOf, parseJson } from './frames.ts'
import { FrameQueue, Link, type Codec, type LinkOptions } from './link.ts'

/** The `Transport` interface of kkrpc 1.0 and later. Declared here so that kkrpc stays optional. */
export interface RpcTransport {
  /** Frames are JSON. Every attached window receives them. */
  readonly capabilities: { objectMode: false; transfer: false; broadcast: true }
  /**
   * Sends a message. Resolves when it is in the stdin queue of the process; waits while the queue is full.
   *
   * @throws {@link JsRuntimeError} of kind `exited`, `closed`, `notFound`, `notAllowed`.
   */
  send(message: unknown): Promise<void>
  /**
   * Registers a listener for messages. The first listener also receives earlier messages.
   *
   * @returns A function that removes the listener.
   */
  // kkrpc's message type differs between versions.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  subscribe(listener: (message: any) => void): () => void
  /** Closes the connection. The process keeps running. */
  close(): void
  /**
   * Registers a listener for the end of the process or of its generation. It is called once, without a reason if
   * the exit code was 0. {@link close} does not call it.
   *
   * @returns A function that removes the listener.
   */
  onClose(listener: (reason?: Error) => void): () => void
}

const messages: Codec<unknown> = {
  decode: parseJson,
  encode: (message) => JSON.stringify(message) + '\n',
  headerOf,
  errorResponse,
}

/** Attaches on first use. */
export class LazyTransport implements RpcTransport {
  readonly capabilities = { objectMode: false, transfer: false, broadcast: true } as const
  readonly #link: Link<unknown>
  readonly #listeners = new Set<(message: unknown) => void>()
  readonly #closeListeners = new Set<(reason?: Error) => void>()
  /** Messages without a listener; `null` once there was one. */
  #unclaimed: FrameQueue<unknown> | null = new FrameQueue()
  #closed: { reason: Error | undefined } | null = null

  constructor(processName: string, options?: LinkOptions) {
    this.#link = new Link(
      processName,
      messages,
      {
        receive: (message, chars) => this.#receive(message, chars),
        ended: (end) => this.#ended(end),
      },
      options,
    )
  }

  open(): Promise<void> {
    return this.#link.open()
  }

  send(message: unknown): Promise<void> {
    return this.#link.send(message)
  }

  subscribe(listener: (message: unknown) => void): () => void {
    // A failure to attach ends the connection, which calls the `onClose` listeners.
    this.open().catch(() => {})
    this.#listeners.add(listener)
    const unclaimed = this.#unclaimed
    this.#unclaimed = null
    for (const message of unclaimed?.takeAll() ?? []) safely(listener, message)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#link.close()
  }

  onClose(listener: (reason?: Error) => void): () => void {
    const once = (reason?: Error) => {
      if (this.#closeListeners.delete(once)) safely(listener, reason)
    }
    this.#closeListeners.add(once)
    const closed = this.#closed
    if (closed) queueMicrotask(() => once(closed.reason))
    return () => this.#closeListeners.delete(once)
  }

  #receive(message: unknown, chars: number): boolean {
    if (this.#unclaimed) return this.#unclaimed.push(message, chars)
    for (const listener of [...this.#listeners]) safely(listener, message)
    return true
  }

  #ended({ error, isClean }: ConnectionEnd): void {
    const reason = isClean ? undefined : error
    // Delayed so that pending calls reject with their error responses, not with a closed transport.
    setTimeout(() => {
      this.#closed = { reason }
      for (const listener of [...this.#closeListeners]) listener(reason)
    })
  }
}

/**
 * Connects kkrpc 1.0 or later to a process. The connection belongs to one generation of the process and closes
 * when that generation ends.
 *
 * @param processName - The name of a process that has been started.
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * import { wrap } from 'kkrpc'
 *
 * const api = wrap<MathApi>(await jsRuntimeTransport('math'))
 * await api.add(1, 2)
 * ```
 */
export async function jsRuntimeTransport(
  processName: string,
  options?: LinkOptions,
): Promise<RpcTransport> {
  const transport = new LazyTransport(processName, options)
  await transport.open()
  return transport
}
