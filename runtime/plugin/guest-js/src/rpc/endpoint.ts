/**
 * One side of an RPC connection: it calls functions of the other side, and answers calls to its own.
 *
 * An endpoint speaks kkrpc's wire in both eras. To another endpoint of this package it also sends async
 * iterables, `AbortSignal`s, binary data and rich values. The first request (`$hello`) finds out which of
 * the two the peer is; calls that a kkrpc peer understands do not wait for its answer.
 */
import { JsRuntimeError, report as reportToPage } from '../error.ts'
import { fromWireError, toWireError } from './errors.ts'
import {
  BINARY,
  callbackOf,
  hybridRequest,
  isRecord,
  kkrpcCallback,
  kkrpcFailure,
  kkrpcRequest,
  kkrpcResponse,
  readClassic,
  revive,
  textOf,
  valueOf,
  type Form,
  type Request,
} from './kkrpc.ts'
import { LocalApi, isThenable, type Answer } from './local-api.ts'
import { Peers, type Peer } from './peers.ts'
import { PendingCalls, type CallOptions } from './pending-calls.ts'
import { References } from './references.ts'
import { fromSuperjson, restore, type Meta } from './values.ts'

/** The method of the first request. */
export const HELLO = '$hello'

/** Milliseconds after which a lost greeting is repeated. */
const GREET_AGAIN_MS = 1000

/** How an endpoint is set up. */
export interface EndpointOptions {
  /** The other side in messages of errors. **Default:** "the other side". */
  peerName?: string
  /** Functions that the other side may call. */
  api?: object | undefined
  /** Sends one frame, without its line end. A rejection fails the call that the frame is for. */
  send(line: string): void | Promise<void>
  /** Reports errors of callbacks, which no caller receives. **Default:** `reportError`. */
  report?: (error: unknown) => void
  /**
   * Whether this endpoint may answer a request that has no address, which other windows receive too.
   * **Default:** always.
   */
  claim?: ((requestId: string) => Promise<boolean>) | undefined
}

type Frame = Record<string, unknown>

export class Endpoint {
  /** Unique among the endpoints of one process. */
  readonly id = uniqueId()
  readonly #options: EndpointOptions
  readonly #pending: PendingCalls
  readonly #report: (error: unknown) => void
  readonly #peers = new Peers()
  readonly #references: References
  readonly #local: LocalApi
  #lastId = 0
  #hasGreeted = false
  #closed: Error | null = null
  /** Why later calls to the other side fail. */
  #finished: Error | null = null

  constructor(options: EndpointOptions) {
    this.#options = options
    this.#report = options.report ?? reportToPage
    this.#local = new LocalApi(options.api, options.claim, this.#report, (line) => this.#send(line))
    this.#pending = new PendingCalls(options.peerName ?? 'the other side')
    this.#references = new References(this.id, (line) => this.#send(line))
  }

  /** The names that this endpoint offers, as `$hello` sends them. */
  get offers(): string[] {
    return this.#local.offers
  }

  /** Asks the peer which wire it speaks. Later calls with rich arguments wait for the answer. */
  greet(): void {
    if (this.#closed) return
    const { main } = this.#peers
    const request: Request = {
      op: 'call',
      path: [HELLO],
      args: [{ from: this.id, offers: this.offers }],
    }
    this.#hasGreeted = true
    this.#request(main, this.#newId(), request, {}).catch(() => {
      // An answer of kkrpc is an error too, and has settled the form. Otherwise the greeting was lost.
      if (main.form === null && !this.#closed) setTimeout(() => this.greet(), GREET_AGAIN_MS)
    })
  }

  /** Replaces the functions that the other side may call. */
  expose(api: object): void {
    this.#local.expose(api)
    this.greet()
  }

  /** Releases the functions that were passed as arguments. */
  freeCallbacks(): void {
    this.#references.freeCallbacks()
  }

  /** Calls, reads, sets or constructs on the other side. */
  async call(request: Request, options: CallOptions = {}): Promise<unknown> {
    this.#requireOpen()
    options.signal?.throwIfAborted()
    const peer = this.#peers.choose(request.path)
    const id = this.#newId()
    if (!peer.mustWait(request.args, request.value)) {
      return this.#request(peer, id, request, options)
    }
    if (!this.#hasGreeted) this.greet()
    // Encoded now: the caller may change its values later.
    const frame = this.#ownFrame(peer, id, request)
    const answered = this.#pending.add(id, peer, options)
    peer.whenKnown(() => {
      if (!this.#pending.has(id)) return
      this.#sendRequest(id, () => (peer.form === 'own' ? frame : this.#frameOf(peer, id, request)))
    })
    return answered
  }

  /**
   * The other side sends nothing any more: pending calls to it fail, and its streams end. Resolves when its own
   * calls are answered.
   */
  finish(error: Error): Promise<void> {
    this.#finished = error
    this.#references.close(error)
    this.#pending.failAll(error)
    return this.#local.idle()
  }

  /** Takes one line of the other side. Returns whether it is a frame. */
  receive(line: string): boolean {
    if (line.charCodeAt(0) !== 123) return false
    let frame: Frame
    try {
      frame = JSON.parse(line) as Frame
    } catch {
      return false
    }
    try {
      return this.#dispatch(frame, line)
    } catch (error) {
      this.#refuse(frame, error)
      return true
    }
  }

  #dispatch(received: Frame, line: string): boolean {
    let frame = received
    let isSuperjson = false
    if (frame['t'] === undefined && isRecord(frame['json'])) {
      frame = fromSuperjson(frame as never) as Frame
      isSuperjson = true
    }
    const { t, type } = frame
    if (typeof t === 'string') {
      this.#compact(t, frame, isSuperjson, line.length)
    } else if (typeof type === 'string') {
      if (!isSuperjson && line.includes(BINARY)) frame = JSON.parse(line, revive) as Frame
      this.#classic(type, frame, isSuperjson)
    } else {
      return false
    }
    return true
  }

  /** Answers a malformed request with the error, and fails the call of a malformed answer. */
  #refuse(frame: Frame, error: unknown): void {
    const inner = isRecord(frame['json']) ? frame['json'] : frame
    const { t, type, id } = inner
    if (typeof id !== 'string') return
    if (t === 'r' || type === 'response') this.#pending.take(id)?.reject(error)
    else if (t === 'q') this.#send(JSON.stringify({ t: 'r', id, e: toWireError(error) }))
    else if (readClassic(inner)) {
      const form: Form = { era: 'classic', isSuperjson: false }
      this.#send(kkrpcFailure(form, id, error, false))
    }
  }

  /** A peer has gone, by its endpoint's id: what it has asked for ends. */
  forget(peerId: string): void {
    const peer = this.#peers.remove(peerId)
    if (!peer) return
    this.#references.forget(peer)
    this.#pending.failAll(new JsRuntimeError('closed', 'the window that was called has gone'), peer)
  }

  /** The connection has ended: pending and later calls fail with this error. */
  close(error: Error): void {
    if (this.#closed) return
    this.#closed = error
    this.#references.close(error)
    this.#pending.failAll(error)
  }

  #requireOpen(): void {
    const error = this.#closed ?? this.#finished
    if (error) throw error
  }

  #send(line: string): void {
    if (this.#closed) return
    // A call fails with the error. Other frames have no receiver for it.
    this.#options.send(line)?.catch(() => {})
  }

  #request(peer: Peer, id: string, request: Request, options: CallOptions): Promise<unknown> {
    const answered = this.#pending.add(id, peer, options)
    this.#sendRequest(id, () => this.#frameOf(peer, id, request))
    return answered
  }

  #sendRequest(id: string, frame: () => string): void {
    try {
      const sent = this.#options.send(frame())
      sent?.catch((error: unknown) => this.#pending.take(id)?.reject(error))
    } catch (error) {
      this.#pending.take(id)?.reject(error)
    }
  }

  #frameOf(peer: Peer, id: string, request: Request): string {
    const { form } = peer
    const add = (callback: (...args: never[]) => unknown) =>
      this.#references.callback(peer, callback)
    if (form === null) return hybridRequest(id, request, add)
    return form === 'own' ? this.#ownFrame(peer, id, request) : kkrpcRequest(form, id, request, add)
  }

  #ownFrame(peer: Peer, id: string, { op, path, args, value }: Request): string {
    const to = peer.id === null ? '' : `,"to":${JSON.stringify(peer.id)}`
    const body = op === 'set' ? [value] : trimmed(args)
    const encoded = this.#references.encode(peer, 'a', body)
    return `{"t":"q","js":1,"id":"${id}","op":"${op}","p":${JSON.stringify(path)}${to}${encoded}}`
  }

  #compact(t: string, frame: Frame, isSuperjson: boolean, chars: number): void {
    switch (t) {
      case 'q':
        return this.#compactRequest(frame, { era: 'compact', isSuperjson })
      case 'r':
        return this.#compactResponse(frame, { era: 'compact', isSuperjson })
      case 'cb':
        return this.#callback(textOf(frame['id'], 'id'), (peer) =>
          this.#list(frame, 'a', peer).map(valueOf),
        )
      case 'bye':
        return this.forget(textOf(frame['id'], 'id'))
      default:
        this.#references.receive(t, frame, chars, (peer) => this.#list(frame, 'b', peer))
    }
  }

  #classic(type: string, frame: Frame, isSuperjson: boolean): void {
    const id = textOf(frame['id'], 'id')
    const form: Form = { era: 'classic', isSuperjson }
    if (type === 'response') {
      const pending = this.#pending.take(id)
      if (!pending) return
      pending.peer.settle(form)
      const { result, error } = (frame['args'] ?? {}) as { result?: unknown; error?: unknown }
      if (error) pending.reject(fromWireError(error))
      else pending.resolve(result)
    } else if (type === 'callback') {
      const { method, args } = frame
      this.#callback(String(method), () => (Array.isArray(args) ? args : []))
    } else {
      const request = readClassic(frame)
      if (request) this.#answerKkrpc(id, request, form, type !== 'request')
    }
  }

  #compactRequest(frame: Frame, form: Form): void {
    const { id, op, p, to } = frame
    if (to !== undefined && to !== this.id) return
    const requestId = textOf(id, 'id')
    const path = Array.isArray(p) ? p.map((key) => textOf(key, 'p')) : []
    if (frame['js'] !== 1) {
      const args = Array.isArray(frame['a']) ? frame['a'] : []
      const request = { op: (op ?? 'call') as Request['op'], path, args, value: frame['v'] }
      return this.#answerKkrpc(requestId, request, form, true)
    }
    const peer = this.#peers.sender(requestId)
    const args =
      frame['method'] === undefined ? this.#list(frame, 'a', peer) : this.#hybridArgs(frame, peer)
    if (path.length === 1 && path[0] === HELLO) return this.#hello(requestId, args[0])
    const request: Request = { op: op as Request['op'], path, args, value: args[0] }
    const answer: Answer = {
      succeeded: (value) =>
        peer.isGone
          ? null
          : `{"t":"r","js":1,"id":${JSON.stringify(requestId)}${this.#references.encode(peer, 'v', value)}}`,
      failed: (error) => JSON.stringify({ t: 'r', js: 1, id: requestId, e: toWireError(error) }),
    }
    this.#local.answer(request, requestId, to !== undefined, answer)
  }

  #hybridArgs(frame: Frame, peer: Peer): unknown[] {
    return ((frame['a'] as unknown[] | undefined) ?? []).map((arg) => {
      const callback = callbackOf(arg, 'compact')
      return callback === null ? valueOf(arg) : this.#references.remoteFunction(peer, callback)
    })
  }

  #hello(id: string, greeting: unknown): void {
    if (!isRecord(greeting)) throw new TypeError('$hello takes { from, offers }')
    const { from, offers } = greeting
    const names = Array.isArray(offers) ? offers.filter((name) => typeof name === 'string') : []
    this.#peers.add(textOf(from, 'from'), names)
    this.#send(JSON.stringify({ t: 'r', js: 1, id }))
  }

  #answerKkrpc(id: string, request: Request, form: Form, knowsErrors: boolean): void {
    this.#peers.main.settle(form)
    const args = request.args.map((arg) => {
      const callbackId = callbackOf(arg, form.era)
      if (callbackId === null) return valueOf(arg)
      return (...given: unknown[]) => {
        this.#send(kkrpcCallback(form, this.#newId(), callbackId, given))
      }
    })
    const value = form.era === 'compact' ? valueOf(request.value) : request.value
    this.#local.answer({ ...request, args, value }, id, false, {
      succeeded: (result) => kkrpcResponse(form, id, result),
      failed: (error) => kkrpcFailure(form, id, error, knowsErrors),
    })
  }

  #newId(): string {
    return `${this.id}.${(++this.#lastId).toString(36)}`
  }

  #compactResponse(frame: Frame, form: Form): void {
    const id = textOf(frame['id'], 'id')
    const pending = this.#pending.take(id)
    if (!pending) {
      // The call has timed out or was aborted.
      if (frame['x'] === 1 && id.startsWith(`${this.id}.`)) this.#references.discard(frame['v'])
      return
    }
    const { peer } = pending
    const isOwn = frame['js'] === 1
    peer.settle(isOwn ? 'own' : form)
    if (frame['e'] !== undefined) return pending.reject(fromWireError(frame['e']))
    try {
      pending.resolve(isOwn ? this.#value(frame, 'v', peer) : frame['v'])
    } catch (error) {
      pending.reject(error)
    }
  }

  #callback(id: string, args: (peer: Peer) => unknown[]): void {
    const callback = this.#references.callbackOf(id)
    if (!callback) return
    try {
      const result: unknown = callback.value(...(args(callback.peer) as never[]))
      if (isThenable(result)) result.then(undefined, this.#report)
    } catch (error) {
      this.#report(error)
    }
  }

  #list(frame: Frame, key = 'a', peer = this.#peers.main): unknown[] {
    const list = this.#value(frame, key, peer)
    return Array.isArray(list) ? list : []
  }

  /** A value of a frame, with what its marks announce: `m` for superjson, `x` for placeholders. */
  #value(frame: Frame, key: string, peer: Peer): unknown {
    let value = frame[key]
    if (frame['m'] !== undefined) value = restore(value, frame['m'] as Meta)
    return frame['x'] === 1 ? this.#references.decode(peer, value) : value
  }
}

/** A short id that is unlikely to occur twice among the windows of an app. */
function uniqueId(): string {
  return Math.random().toString(36).slice(2, 10).padEnd(8, '0')
}

/** Arguments without `undefined` at the end, which says the same as no argument. */
function trimmed(args: unknown[]): unknown[] {
  let length = args.length
  while (length > 0 && args[length - 1] === undefined) length--
  return length === args.length ? args : args.slice(0, length)
}
