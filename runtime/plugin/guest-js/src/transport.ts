/** A process as kkrpc from 1.0 on wants it: a `Transport`. */
import { Backlog } from './backlog.ts'
import type { End } from './end.ts'
import { safely } from './error.ts'
import { failure, headOf, parsed } from './frames.ts'
import { Link, type Codec, type LinkOptions } from './link.ts'

/**
 * The `Transport` of kkrpc 1.0 and later, by its shape: this package does not need kkrpc for it.
 */
export interface RpcTransport {
  /** Frames are JSON, and every window that is attached gets them. */
  readonly capabilities: { objectMode: false; transfer: false; broadcast: true }
  /**
   * Sends a message; resolves when the stdin of the process has taken it.
   *
   * @throws {@link JsRuntimeError} of kind `exited` or `closed`.
   */
  send(message: unknown): Promise<void>
  /** Hears messages; the first who does gets what has come before, too. Returns how to stop. */
  // kkrpc says what its messages are, and does so differently in each version.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  subscribe(listener: (message: any) => void): () => void
  /** Closes the connection. The process goes on. */
  close(): void
  /**
   * Hears, once, that the process has ended: without a reason if its code was 0. Not called for
   * {@link close}. Returns how to stop.
   */
  onClose(listener: (reason?: Error) => void): () => void
}

const messages: Codec<unknown> = {
  decode: parsed,
  encode: (message) => JSON.stringify(message) + '\n',
  headOf,
  failure,
}

/** A transport that attaches when it is first used. */
export class LazyTransport implements RpcTransport {
  readonly capabilities = { objectMode: false, transfer: false, broadcast: true } as const
  readonly #link: Link<unknown>
  readonly #listeners = new Set<(message: unknown) => void>()
  readonly #closeListeners = new Set<(reason?: Error) => void>()
  /** What came before somebody listened; `null` from then on. */
  #early: Backlog<unknown> | null = new Backlog()
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
    // A failure to attach ends the connection, which is told below.
    this.open().catch(() => {})
    this.#listeners.add(listener)
    const early = this.#early
    this.#early = null
    for (const message of early?.takeAll() ?? []) safely(listener, message)
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
    // Nobody listens before the first has taken what was early.
    if (this.#early) return this.#early.push(message, chars)
    for (const listener of [...this.#listeners]) safely(listener, message)
    return true
  }

  #ended({ error, isClean }: End): void {
    const reason = isClean ? undefined : error
    // Later: the answers to the last calls say better what has become of them.
    setTimeout(() => {
      this.#closed = { reason }
      for (const listener of [...this.#closeListeners]) listener(reason)
    })
  }
}

/**
 * Connects to a process as kkrpc from 1.0 on wants it. The connection belongs to one start of the
 * process (generation); when that ends, it is closed.
 *
 * @param processName - What the process is called.
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
