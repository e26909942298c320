/**
 * An RPC connection to one generation of a process, which {@link JsRuntimeIo} and the transport share.
 *
 * When the process ends, the connection answers pending requests with error responses. Calls thus fail at once
 * with every version of kkrpc; early versions do not handle the end of a connection.
 */
import { BloomFilter } from './bloom-filter.ts'
import type { ConnectionEnd } from './connection-end.ts'
import { JsRuntimeError, toError } from './error.ts'
import type { FrameHeader } from './frames.ts'
import { PendingRequests } from './pending-requests.ts'
import type { RpcSubscriber } from './rpc-subscribers.ts'
import type { ProcessStream } from './stream.ts'
import { acquire, release } from './stream-registry.ts'
import { writerOf } from './writer.ts'

/** Options of an RPC connection. */
export interface LinkOptions {
  /**
   * Passes requests of the process on to this connection. Set it to `false` in a page that does not answer them:
   * they may be for another window. **Default:** `true`.
   */
  answersRequests?: boolean | undefined
  /** Milliseconds after which a call fails. **Default:** never. */
  timeout?: number | undefined
}

/** Converts between lines and frames: strings with kkrpc 0.x, parsed messages from 1.0 on. */
export interface Codec<Frame> {
  decode(line: string): Frame | undefined
  encode(frame: Frame): string
  headerOf(frame: Frame): FrameHeader | null
  errorResponse(header: FrameHeader, error: JsRuntimeError): Frame
}

/** The owner of a link. */
export interface LinkOwner<Frame> {
  /** Receives a frame of `chars` characters. Returns false if its queue is full. */
  receive(frame: Frame, chars: number): boolean
  /** Called once when the process or its generation has ended, but not after {@link Link.close}. */
  ended(end: ConnectionEnd): void
}

export class Link<Frame> implements RpcSubscriber {
  readonly #name: string
  readonly #codec: Codec<Frame>
  readonly #owner: LinkOwner<Frame>
  readonly #answersRequests: boolean
  readonly #requests: PendingRequests
  /** Functions that the process may call. The process does not report when it releases one. */
  readonly #callbackIds = new BloomFilter()
  #generation = 0
  #opening: Promise<void> | null = null
  #stream: ProcessStream | null = null
  #end: ConnectionEnd | null = null

  constructor(
    name: string,
    codec: Codec<Frame>,
    owner: LinkOwner<Frame>,
    options: LinkOptions = {},
  ) {
    this.#name = name
    this.#codec = codec
    this.#owner = owner
    this.#answersRequests = options.answersRequests ?? true
    this.#requests = new PendingRequests(name, options.timeout, (header, error) =>
      owner.receive(codec.errorResponse(header, error), error.message.length),
    )
  }

  get isOver(): boolean {
    return this.#end !== null
  }

  /** Attaches to the process on the first call. */
  open(): Promise<void> {
    return (this.#opening ??= this.#open())
  }

  async #open(): Promise<void> {
    if (this.#end) throw this.#end.error
    try {
      const stream = await acquire(this.#name)
      // `close` may have run meanwhile.
      if (this.#end) return release(stream)
      this.#stream = stream
      this.#generation = stream.addSubscriber(this)
    } catch (thrown) {
      const error = toError(thrown, this.#name)
      this.ended({ error, isClean: false })
      throw error
    }
  }

  /** Resolves when the frame is in the stdin queue of the process. */
  send(frame: Frame): Promise<void> {
    const header = this.#codec.headerOf(frame)
    if (header?.kind === 'request') this.#requests.add(header)
    for (const id of header?.callbackIds ?? []) this.#callbackIds.add(id)
    const sent = this.#write(frame)
    // Some versions of kkrpc ignore failed writes, so the request gets an error response too.
    sent.catch((error) => header && this.#requests.fail(header.id, toError(error, this.#name)))
    return sent
  }

  async #write(frame: Frame): Promise<void> {
    await this.open()
    if (this.#end) throw this.#end.error
    await writerOf(this.#name).write(this.#codec.encode(frame), this.#generation)
  }

  /** Closes the connection from the page's side. */
  close(): void {
    const message = `the connection to process "${this.#name}" was closed`
    this.#finish({ error: new JsRuntimeError('closed', message, this.#name), isClean: true })
  }

  line(text: string): void {
    const frame = this.#codec.decode(text)
    if (frame === undefined) return
    const header = this.#codec.headerOf(frame)
    if (!header || this.#isForeign(header)) return
    if (header.kind === 'response') this.#requests.settle(header.id)
    if (!this.#owner.receive(frame, text.length)) this.#overflow()
  }

  ended(end: ConnectionEnd): void {
    if (this.#finish(end)) this.#owner.ended(end)
  }

  #overflow(): void {
    const message =
      `process "${this.#name}" sent more frames than may wait for a reader; read them, or close ` +
      'the connection'
    this.ended({ error: new JsRuntimeError('overflow', message, this.#name), isClean: false })
  }

  /** True for frames that are for another window or another connection of this page. */
  #isForeign({ kind, format, id }: FrameHeader): boolean {
    if (kind === 'request') return !this.#answersRequests
    // kkrpc before 1.0 logs an error for an unknown callback. Later versions ignore it.
    return kind === 'callback' && format !== 'compact' && !this.#callbackIds.has(id)
  }

  #finish(end: ConnectionEnd): boolean {
    if (this.#end) return false
    this.#end = end
    const stream = this.#stream
    this.#stream = null
    if (stream) {
      stream.removeSubscriber(this)
      release(stream)
    }
    this.#requests.failAll(end.error)
    return true
  }
}

const MAX_QUEUED_FRAMES = 65_536

const MAX_QUEUED_CHARS = 16 * 1024 * 1024

/** A bounded queue of frames that wait for a reader. */
export class FrameQueue<Frame> {
  #frames: { frame: Frame; chars: number }[] = []
  #chars = 0

  /** Returns false if the queue is full. An empty queue takes a frame of any size. */
  push(frame: Frame, chars: number): boolean {
    const isFull =
      this.#frames.length >= MAX_QUEUED_FRAMES || this.#chars + chars > MAX_QUEUED_CHARS
    if (isFull && this.#frames.length > 0) return false
    this.#frames.push({ frame, chars })
    this.#chars += chars
    return true
  }

  shift(): Frame | undefined {
    const first = this.#frames.shift()
    if (first) this.#chars -= first.chars
    return first?.frame
  }

  takeAll(): Frame[] {
    this.#chars = 0
    return this.#frames.splice(0).map(({ frame }) => frame)
  }
}
