/**
 * One RPC connection to one generation of a process: what {@link JsRuntimeIo} and the transport have
 * in common.
 *
 * Requests that the page writes are remembered until they are answered. When the process ends, the
 * link answers what is left with errors, as frames of the same kind: so calls fail at once with every
 * version of kkrpc, of which the early ones do not know that a connection may end.
 */
import { Calls } from './calls.ts'
import type { End } from './end.ts'
import { JsRuntimeError, toError } from './error.ts'
import type { Head } from './frames.ts'
import { IdFilter } from './ids.ts'
import type { Party } from './parties.ts'
import type { ProcessStream } from './stream.ts'
import { acquire, release } from './streams.ts'
import { writerOf } from './writer.ts'

/** How a connection treats what it carries. */
export interface LinkOptions {
  /**
   * Whether requests of the process are passed on. A page that answers none must not see those that
   * are for another window. **Default:** true.
   */
  answersRequests?: boolean | undefined
  /** Milliseconds after which a call fails. **Default:** never. */
  timeout?: number | undefined
}

/** The two forms of a frame: text, or the message that it stands for. */
export interface Codec<Frame> {
  decode(line: string): Frame | undefined
  encode(frame: Frame): string
  headOf(frame: Frame): Head | null
  failure(head: Head, error: JsRuntimeError): Frame
}

/** Who uses the connection. */
export interface LinkUser<Frame> {
  /** Takes a frame of so many characters; whether there was room for it. */
  receive(frame: Frame, chars: number): boolean
  /** It is over, by the word of the other side. */
  ended(end: End): void
}

export class Link<Frame> implements Party {
  readonly #name: string
  readonly #codec: Codec<Frame>
  readonly #user: LinkUser<Frame>
  readonly #answersRequests: boolean
  readonly #calls: Calls
  /** The functions of this page that the process may call. It is not told when the last call was. */
  readonly #callbacks = new IdFilter()
  /** The start of the process that this is a connection to. */
  #generation = 0
  #opening: Promise<void> | null = null
  #stream: ProcessStream | null = null
  #end: End | null = null

  constructor(name: string, codec: Codec<Frame>, user: LinkUser<Frame>, options: LinkOptions = {}) {
    this.#name = name
    this.#codec = codec
    this.#user = user
    this.#answersRequests = options.answersRequests ?? true
    this.#calls = new Calls(name, options.timeout, (head, error) =>
      user.receive(codec.failure(head, error), error.message.length),
    )
  }

  get isOver(): boolean {
    return this.#end !== null
  }

  /** Attaches, if it has not. */
  open(): Promise<void> {
    return (this.#opening ??= this.#open())
  }

  async #open(): Promise<void> {
    if (this.#end) throw this.#end.error
    try {
      const stream = await acquire(this.#name)
      // Closed while it was opened.
      if (this.#end) return release(stream)
      this.#stream = stream
      this.#generation = stream.join(this)
    } catch (thrown) {
      const error = toError(thrown, this.#name)
      this.ended({ error, isClean: false })
      throw error
    }
  }

  /** Resolves when the stdin of the process has taken the frame. */
  send(frame: Frame): Promise<void> {
    const head = this.#codec.headOf(frame)
    if (head?.kind === 'request') this.#calls.add(head)
    for (const id of head?.callbackIds ?? []) this.#callbacks.add(id)
    const sent = this.#write(frame)
    // Some versions of kkrpc do not look at what becomes of a write: the answer has to tell.
    sent.catch((error) => head && this.#calls.fail(head.id, toError(error, this.#name)))
    return sent
  }

  async #write(frame: Frame): Promise<void> {
    await this.open()
    if (this.#end) throw this.#end.error
    await writerOf(this.#name).write(this.#codec.encode(frame), this.#generation)
  }

  /** Ends the connection from this side. */
  close(): void {
    const message = `the connection to process "${this.#name}" was closed`
    this.#finish({ error: new JsRuntimeError('closed', message, this.#name), isClean: true })
  }

  line(text: string): void {
    const frame = this.#codec.decode(text)
    if (frame === undefined) return
    const head = this.#codec.headOf(frame)
    if (!head || this.#isForeign(head)) return
    if (head.kind === 'response') this.#calls.settle(head.id)
    if (!this.#user.receive(frame, text.length)) this.#overflow()
  }

  ended(end: End): void {
    if (this.#finish(end)) this.#user.ended(end)
  }

  #overflow(): void {
    const message =
      `process "${this.#name}" sent more frames than may wait for a reader; read them, or close ` +
      'the connection'
    this.ended({ error: new JsRuntimeError('overflow', message, this.#name), isClean: false })
  }

  /** Whether it is for another window, or another connection of this one. */
  #isForeign({ kind, form, id }: Head): boolean {
    if (kind === 'request') return !this.#answersRequests
    // From 1.0 on, kkrpc ignores callbacks that it does not know; before, it complains.
    return kind === 'callback' && form !== 'compact' && !this.#callbacks.has(id)
  }

  #finish(end: End): boolean {
    if (this.#end) return false
    this.#end = end
    const stream = this.#stream
    this.#stream = null
    if (stream) {
      stream.leave(this)
      release(stream)
    }
    this.#calls.failAll(end.error)
    return true
  }
}
