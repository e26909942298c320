/**
 * One side of an RPC connection: it calls functions of the other side, and answers calls to its own.
 *
 * An endpoint speaks kkrpc's wire in both eras. To another endpoint of this package it also sends async
 * iterables, `AbortSignal`s, binary data and rich values. The first request (`$hello`) finds out which of
 * the two the peer is; calls that a kkrpc peer understands do not wait for its answer.
 */
import { JsRuntimeError, report as reportToPage } from '../error.ts'
import { fromKkrpcError, fromWireError } from './errors.ts'
import { KkrpcPeers } from './kkrpc-peers.ts'
import {
  callbackOf,
  hybridRequest,
  isRecord,
  kkrpcFailure,
  kkrpcRequest,
  readClassic,
  textOf,
  valueOf,
  type Request,
} from './kkrpc.ts'
import { LocalApi, isThenable, type Claim } from './local-api.ts'
import { bodyOf, ownFailure, ownRequest, OwnAnswer } from './own-frames.ts'
import { Peers, type Peer } from './peers.ts'
import { PendingCalls, type CallOptions } from './pending-calls.ts'
import { References, type Fields } from './references.ts'
import { fromSuperjson } from './superjson.ts'

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
  claim?: Claim | undefined
  /** Called once, when the other side is known to use kkrpc. */
  onKkrpc?: () => void
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
  readonly #kkrpc: KkrpcPeers
  #lastId = 0
  #hasGreeted = false
  #closed: Error | null = null
  /** Why later calls to the other side fail. */
  #finished: Error | null = null

  constructor(options: EndpointOptions) {
    this.#options = options
    this.#report = options.report ?? reportToPage
    const send = (line: string) => this.#send(line)
    const { main } = this.#peers
    const local = (this.#local = new LocalApi(options.api, options.claim, this.#report, send))
    const pending = (this.#pending = new PendingCalls(options.peerName ?? 'the other side'))
    this.#references = new References(this.id, send)
    this.#kkrpc = new KkrpcPeers({
      main,
      local,
      pending,
      send,
      newId: () => this.#newId(),
      callback: (id, args) => this.#callback(id, args),
    })
    main.onSettled = () => main.form !== 'own' && options.onKkrpc?.()
  }

  /** The paths that this endpoint offers, as `$hello` sends them. */
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
  call(request: Request, options: CallOptions = {}): Promise<unknown> {
    try {
      this.#requireOpen()
      options.signal?.throwIfAborted()
      const peer = this.#peers.choose(request.path)
      const id = this.#newId()
      const mustWait = peer.mustWait(request)
      if (mustWait && !this.#peers.haveGreeted) {
        return this.#callLater(peer, id, request, options)
      }
      // Values that kkrpc does not read are for the peers that have greeted.
      if (mustWait) peer.settle('own')
      return this.#request(peer, id, request, options)
    } catch (error) {
      return Promise.reject(error as Error)
    }
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
      frame = fromSuperjson(frame as never, line.length) as Frame
      isSuperjson = true
    }
    const { t, type } = frame
    if (typeof t === 'string') this.#compact(t, frame, isSuperjson, line.length)
    else if (typeof type === 'string') this.#kkrpc.classic(type, frame, isSuperjson, line)
    else return false
    return true
  }

  /** Answers a malformed request with the error, and fails the call of a malformed answer. */
  #refuse(frame: Frame, error: unknown): void {
    const inner = isRecord(frame['json']) ? frame['json'] : frame
    const { t, type, id } = inner
    if (typeof id !== 'string') return
    if (t === 'r' || type === 'response') this.#pending.take(id)?.reject(error)
    else if (t === 'q' && inner['js'] === 1) this.#send(ownFailure(id, error))
    else if (t === 'q' || readClassic(inner)) {
      const era = t === 'q' ? 'compact' : 'classic'
      this.#send(kkrpcFailure({ era, isSuperjson: inner !== frame }, id, error, false))
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
    this.#local.close()
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
    this.#sendRequest(peer, id, request, null)
    return answered
  }

  /** Makes a call when the form of the peer is known. */
  #callLater(peer: Peer, id: string, request: Request, options: CallOptions): Promise<unknown> {
    if (!this.#hasGreeted) this.greet()
    // Encoded now: the caller may change its values later.
    const body = bodyOf(this.#references, peer, request)
    const answered = this.#pending.add(id, peer, options)
    peer.whenKnown(() => {
      const isPending = this.#pending.has(id)
      if (!isPending || peer.form !== 'own') body.takeBack?.()
      if (isPending) this.#sendRequest(peer, id, request, body)
    })
    return answered
  }

  /** @param body - The encoded arguments for an endpoint of this package, if they are encoded already. */
  #sendRequest(peer: Peer, id: string, request: Request, body: Fields | null): void {
    try {
      const frame =
        peer.form === 'own'
          ? ownRequest(peer, id, request, body ?? bodyOf(this.#references, peer, request))
          : this.#kkrpcFrame(peer, id, request)
      this.#options.send(frame)?.catch((error: unknown) => this.#pending.take(id)?.reject(error))
    } catch (error) {
      this.#pending.take(id)?.reject(error)
    }
  }

  #kkrpcFrame(peer: Peer, id: string, request: Request): string {
    const { form } = peer
    const added: string[] = []
    const add = (callback: (...args: never[]) => unknown) => {
      const callbackId = this.#references.callback(peer, callback)
      added.push(callbackId)
      return callbackId
    }
    try {
      return form === null || form === 'own'
        ? hybridRequest(id, request, add)
        : kkrpcRequest(form, id, request, add)
    } catch (error) {
      for (const callbackId of added) this.#references.releaseCallback(callbackId, false)
      throw error
    }
  }

  #compact(t: string, frame: Frame, isSuperjson: boolean, chars: number): void {
    switch (t) {
      case 'q':
        return this.#compactRequest(frame, isSuperjson)
      case 'r':
        return this.#compactResponse(frame, isSuperjson)
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

  #compactRequest(frame: Frame, isSuperjson: boolean): void {
    const { op, p, to } = frame
    if (to !== undefined && to !== this.id) return
    const id = textOf(frame['id'], 'id')
    const path = Array.isArray(p) ? p.map((key) => textOf(key, 'p')) : []
    if (frame['js'] !== 1 || isSuperjson) return this.#kkrpc.compact(id, path, frame, isSuperjson)
    const peer = this.#peers.sender(id)
    const isHybrid = frame['method'] !== undefined
    const args = isHybrid ? this.#hybridArgs(frame, peer) : this.#list(frame, 'a', peer)
    if (path.length === 1 && path[0] === HELLO) return this.#hello(id, args[0])
    const value = isHybrid ? valueOf(frame['v']) : args[0]
    const request: Request = { op: op as Request['op'], path, args, value }
    const answer = new OwnAnswer(this.#references, peer, id)
    this.#local.answer(request, id, to !== undefined, answer)
  }

  #hybridArgs(frame: Frame, peer: Peer): unknown[] {
    const args: unknown[] = Array.isArray(frame['a']) ? frame['a'] : []
    return args.map((arg) => {
      const callback = callbackOf(arg, 'compact')
      return callback === null ? valueOf(arg) : this.#references.remoteFunction(peer, callback)
    })
  }

  #hello(id: string, greeting: unknown): void {
    if (!isRecord(greeting)) throw new TypeError('$hello takes { from, offers }')
    const { from, offers } = greeting
    const names = Array.isArray(offers) ? offers.filter((name) => typeof name === 'string') : []
    const forgotten = this.#peers.add(textOf(from, 'from'), names)
    if (forgotten !== null) this.forget(forgotten)
    const { main } = this.#peers
    if (main.isAwaited) main.settle('own')
    this.#send(JSON.stringify({ t: 'r', js: 1, id }))
  }

  #newId(): string {
    return `${this.id}.${(++this.#lastId).toString(36)}`
  }

  #compactResponse(frame: Frame, isSuperjson: boolean): void {
    const id = textOf(frame['id'], 'id')
    const isOwn = frame['js'] === 1 && !isSuperjson
    const pending = this.#pending.take(id)
    if (!pending) {
      // The call has timed out or was aborted.
      if (isOwn && frame['x'] === 1 && id.startsWith(`${this.id}.`)) {
        this.#references.discard(frame['v'])
      }
      return
    }
    const { peer } = pending
    const { e } = frame
    peer.settle(isOwn ? 'own' : { era: 'compact', isSuperjson })
    if (e !== undefined) return pending.reject(isOwn ? fromWireError(e) : fromKkrpcError(e))
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

  #list(frame: Frame, key: string, peer: Peer): unknown[] {
    const list = this.#value(frame, key, peer)
    return Array.isArray(list) ? list : []
  }

  /** A value of a frame. `x` announces placeholders. */
  #value(frame: Frame, key: string, peer: Peer): unknown {
    return frame['x'] === 1 ? this.#references.decode(peer, frame[key]) : frame[key]
  }
}

/** A short id that is unlikely to occur twice among the windows of an app. */
function uniqueId(): string {
  return Math.random().toString(36).slice(2, 10).padEnd(8, '0')
}
