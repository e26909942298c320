/** A process as kkrpc 0.2 to 0.7 wants it: an `IoInterface`. */
import { Backlog } from './backlog.ts'
import type { End } from './end.ts'
import { JsRuntimeError, safely } from './error.ts'
import { failure, headOfLine } from './frames.ts'
import { Link, type Codec, type LinkOptions } from './link.ts'

type MessageListener = (message: string) => void
type ErrorListener = (error: Error) => void

/** Reads that may wait at a time; kkrpc needs one. */
const MOST_READERS = 1_024

const lines: Codec<string> = {
  decode: (line) => line,
  encode: (frame) => (frame.endsWith('\n') ? frame : frame + '\n'),
  headOf: headOfLine,
  failure: (head, error) => JSON.stringify(failure(head, error)),
}

/**
 * Carries kkrpc frames to and from a process: the `IoInterface` of kkrpc 0.2 to 0.7.
 *
 * It belongs to one start of the process (generation). When that ends, calls under way fail with an
 * error that says why; for the next one, make another. {@link createChannel} makes one for you.
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
  /** For kkrpc's messages. */
  readonly name: string
  /** Frames are text. */
  readonly capabilities = { structuredClone: false, transfer: false } as const
  readonly #link: Link<string>
  readonly #messageListeners = new Set<MessageListener>()
  readonly #errorListeners = new Set<ErrorListener>()
  readonly #frames = new Backlog<string>()
  readonly #readers: ((frame: string | null) => void)[] = []
  /** Whether the end is still to be read. It is read once: kkrpc before 0.7 asks again for ever. */
  #endWaits = false
  #isDestroyed = false

  /**
   * Attaches to the process with the first read or write.
   *
   * @param processName - What the process is called.
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

  /** Whether nothing is to be read any more. */
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
   * The next frame with its line end. At the end of the connection one read gives `null`; every later
   * one waits for ever, because kkrpc before 0.7 would read on without a pause.
   */
  read(): Promise<string | null> {
    // Whoever reads is told by the end that there is nothing to read, and by 'error' why.
    this.#link.open().catch(() => {})
    const frame = this.#frames.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.#endWaits) {
      this.#endWaits = false
      return Promise.resolve(null)
    }
    if (this.#readers.length >= MOST_READERS) {
      const message = `${MOST_READERS} reads wait already`
      return Promise.reject(new JsRuntimeError('overflow', message))
    }
    return new Promise((resolve) => this.#readers.push(resolve))
  }

  /**
   * Sends a frame; resolves when the stdin of the process has taken it.
   *
   * @param data - The frame, with or without its line end.
   * @throws {@link JsRuntimeError} of kind `exited`, `closed`, `notFound`, `notAllowed`. A request that
   * could not be sent is also answered with that error, because kkrpc 0.2 looks at answers only.
   */
  write(data: string): Promise<void> {
    return this.#link.send(data)
  }

  /** Hears frames as they come, instead of {@link read}ing them; or why the connection broke. */
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

  /** Hears no more. */
  off(event: 'message' | 'error', listener: (...args: never[]) => unknown): void {
    if (event === 'error') this.#errorListeners.delete(listener as ErrorListener)
    else this.#messageListeners.delete(listener as MessageListener)
  }

  /** Closes the connection. Calls under way fail; the process goes on. */
  destroy(): void {
    if (this.#link.isOver) return
    this.#link.close()
    this.#finish()
  }

  /** Part of kkrpc's interface. A process is not told that a page has gone: there may be others. */
  signalDestroy(): void {}

  #receive(frame: string, chars: number): boolean {
    if (this.#messageListeners.size > 0) {
      for (const listener of [...this.#messageListeners]) safely(listener, frame)
      return true
    }
    // The line end is what makes kkrpc take the frame for complete.
    const line = frame + '\n'
    const reader = this.#readers.shift()
    if (!reader) return this.#frames.push(line, chars)
    reader(line)
    return true
  }

  #ended({ error, isClean }: End): void {
    if (!isClean) for (const listener of [...this.#errorListeners]) safely(listener, error)
    this.#finish()
  }

  /** Later, so that the answers to the last calls are understood before the end is read. */
  #finish(): void {
    setTimeout(() => {
      this.#isDestroyed = true
      const readers = this.#readers.splice(0)
      if (readers.length === 0) this.#endWaits = true
      for (const reader of readers) reader(null)
    })
  }
}
