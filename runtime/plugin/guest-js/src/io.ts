/** {@link JsRuntimeIo}, the `IoInterface` of kkrpc 0.2 to 0.7. */
import type { ConnectionEnd } from './connection-end.ts'
import { JsRuntimeError, safely } from './error.ts'
import { errorResponse, headerOfLine } from './frames.ts'
import { FrameQueue, Link, type Codec, type LinkOptions } from './link.ts'

type MessageListener = (message: string) => void
type ErrorListener = (error: Error) => void

/** Pending reads. kkrpc has one at a time. */
const MAX_READERS = 1_024

const lines: Codec<string> = {
  // kkrpc before 1.0 logs an error for a compact frame, which is for another connection.
  decode: (line) => (line.startsWith('{"t":') ? undefined : line),
  encode: (frame) => (frame.endsWith('\n') ? frame : frame + '\n'),
  headerOf: headerOfLine,
  errorResponse: (header, error) => JSON.stringify(errorResponse(header, error)),
}

/**
 * Carries kkrpc frames to and from a process. Implements the `IoInterface` of kkrpc 0.2 to 0.7.
 *
 * An io belongs to one generation of the process. When that generation ends, pending calls fail with its exit
 * reason. Create another io for the next generation. {@link createChannel} creates one for you.
 *
 * @example
 * ```ts
 * import { RPCChannel } from 'kkrpc/browser'
 *
 * const io = new JsRuntimeIo('math')
 * const api = new RPCChannel<{}, MathApi>(io).getAPI()
 * await api.add(1, 2)
 * io.destroy()
 * ```
 */
export class JsRuntimeIo {
  /** Appears in kkrpc's log messages. */
  readonly name: string
  readonly capabilities = { structuredClone: false, transfer: false } as const
  readonly #link: Link<string>
  readonly #messageListeners = new Set<MessageListener>()
  readonly #errorListeners = new Set<ErrorListener>()
  readonly #frames = new FrameQueue<string>()
  readonly #readers: ((frame: string | null) => void)[] = []
  /** True if the connection has ended and no read has returned `null` yet. */
  #hasUnreadEnd = false
  #isDestroyed = false

  /**
   * Attaches to the process on the first read or write.
   *
   * @param processName - The name of a process that has been started.
   */
  constructor(processName: string, options?: LinkOptions) {
    this.name = `tauri-js-runtime:${processName}`
    this.#link = new Link(
      processName,
      lines,
      { receive: (frame, chars) => this.#receive(frame, chars), ended: (end) => this.#ended(end) },
      options,
    )
  }

  /** True once the connection has ended or was closed. */
  get isDestroyed(): boolean {
    return this.#isDestroyed
  }

  /**
   * Attaches to the process now.
   *
   * @throws `notFound`, `notAllowed`; {@link JsRuntimeError} of kind `closed` after {@link destroy}.
   */
  initialize(): Promise<void> {
    return this.#link.open()
  }

  /**
   * Reads the next frame, with its line terminator. At the end of the connection, one read resolves with `null`.
   * Later reads never resolve: kkrpc before 0.7 would read in a busy loop.
   *
   * @throws {@link JsRuntimeError} of kind `overflow` if 1024 reads are pending.
   */
  read(): Promise<string | null> {
    // A failure to attach ends the connection: the read resolves with `null`, and 'error' listeners get the error.
    this.#link.open().catch(() => {})
    const frame = this.#frames.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.#hasUnreadEnd) {
      this.#hasUnreadEnd = false
      return Promise.resolve(null)
    }
    if (this.#readers.length >= MAX_READERS) {
      const message = `${MAX_READERS} reads are pending already`
      return Promise.reject(new JsRuntimeError('overflow', message))
    }
    return new Promise((resolve) => this.#readers.push(resolve))
  }

  /**
   * Sends a frame. Resolves when the frame is in the stdin queue of the process; waits while the queue is full.
   *
   * @param data - The frame, with or without its line terminator.
   * @throws {@link JsRuntimeError} of kind `exited`, `closed`, `notFound`, `notAllowed`. A failed request also
   * gets an error response, because kkrpc 0.2 ignores failed writes.
   */
  write(data: string): Promise<void> {
    return this.#link.send(data)
  }

  /**
   * Registers a listener: `message` for frames, which {@link read} then does not return, `error` for the reason
   * if the connection breaks.
   */
  on(event: 'message', listener: MessageListener): void
  on(event: 'error', listener: ErrorListener): void
  on(event: 'message' | 'error', listener: MessageListener | ErrorListener): void {
    if (event === 'error') {
      this.#errorListeners.add(listener as ErrorListener)
      return
    }
    this.#messageListeners.add(listener as MessageListener)
    this.#link.open().catch(() => {})
    for (const frame of this.#frames.takeAll()) safely(listener as MessageListener, frame)
  }

  /** Removes a listener. */
  off(event: 'message' | 'error', listener: (...args: never[]) => unknown): void {
    if (event === 'error') this.#errorListeners.delete(listener as ErrorListener)
    else this.#messageListeners.delete(listener as MessageListener)
  }

  /** Closes the connection. Pending calls fail with kind `closed`. The process keeps running. */
  destroy(): void {
    if (this.#link.isOver) return
    this.#link.close()
    this.#finish()
  }

  /** Does nothing: other pages may be connected to the process. Part of kkrpc's interface. */
  signalDestroy(): void {}

  #receive(frame: string, chars: number): boolean {
    if (this.#messageListeners.size > 0) {
      for (const listener of [...this.#messageListeners]) safely(listener, frame)
      return true
    }
    // kkrpc treats a frame as complete only with its line terminator.
    const line = frame + '\n'
    const reader = this.#readers.shift()
    if (!reader) return this.#frames.push(line, chars)
    reader(line)
    return true
  }

  #ended({ error, isClean }: ConnectionEnd): void {
    if (!isClean) for (const listener of [...this.#errorListeners]) safely(listener, error)
    this.#finish()
  }

  /** Delayed so that kkrpc handles the last responses before it reads the end. */
  #finish(): void {
    setTimeout(() => {
      this.#isDestroyed = true
      const readers = this.#readers.splice(0)
      if (readers.length === 0) this.#hasUnreadEnd = true
      for (const reader of readers) reader(null)
    })
  }
}
