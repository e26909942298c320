/**
 * Functions, async iterables and signals that cross a connection: what this side has handed over, by id,
 * and what stands here for things of the other side.
 */
import { JsRuntimeError } from '../error.ts'
import { decode, type Referents } from './decode.ts'
import { Encoder, isSimple, type Owner, type Placeholder } from './encode.ts'
import { fromWireError, toWireError } from './errors.ts'
import type { Peer } from './peers.ts'
import { Consumer, Producer, type EncodedItem, type StreamEnd } from './streams.ts'

type Callback = (...args: never[]) => unknown
type Frame = Record<string, unknown>

/** The most streams in one direction, and the most signals of the other side, that are open at a time. */
const MAX_OPEN = 65_536

/** Fields of a frame. */
export interface Fields {
  /** Their JSON, with a comma before them. */
  text: string
  /** Takes back what they hand over, if the frame is not sent. */
  takeBack?: (() => void) | undefined
}

const NO_FIELDS: Fields = { text: '' }

interface Owned<Value> {
  peer: Peer
  value: Value
}

/** A function that this side has handed over. */
interface SentCallback extends Owned<Callback> {
  /** How often the peer has received it under this id, less how often it has released it. */
  uses: number
}

/** A signal that this side has handed over. */
interface SentSignal {
  signal: WeakRef<AbortSignal>
  listener: () => void
}

export class References implements Owner<Peer> {
  readonly #prefix: string
  readonly #send: (line: string) => void
  #lastId = 0
  readonly #callbacks = new Map<string, SentCallback>()
  readonly #callbackIds = new WeakMap<Callback, Map<Peer, string>>()
  readonly #producers = new Map<string, Owned<Producer>>()
  readonly #consumers = new Map<string, Owned<WeakRef<Consumer> | Consumer>>()
  readonly #sentSignals = new Map<string, Owned<SentSignal>>()
  readonly #signalIds = new WeakMap<AbortSignal, Map<Peer, string>>()
  readonly #controllers = new Map<string, Owned<AbortController>>()
  /** Functions and streams of the other side that are not used here any more. */
  readonly #released = new FinalizationRegistry<{ id: string; isStream: boolean }>(
    ({ id, isStream }) => this.#release(id, isStream),
  )
  /** Signals of this side that cannot be aborted any more. */
  readonly #collected = new FinalizationRegistry<string>((id) => {
    if (this.#sentSignals.delete(id)) this.#send(JSON.stringify({ t: 'ab', sid: id, drop: 1 }))
  })

  constructor(prefix: string, send: (line: string) => void) {
    this.#prefix = prefix
    this.#send = send
  }

  /**
   * The fields of a frame that carry this value.
   *
   * @throws `TypeError` for a value that cannot be sent. Nothing is handed over then.
   */
  encode(peer: Peer, key: string, value: unknown): Fields {
    if (value === undefined) return NO_FIELDS
    if (isSimple(value)) return { text: `,"${key}":${JSON.stringify(value)}` }
    const { json, hasPlaceholders, takeBack } = this.#encoded(peer, value)
    return { text: `,"${key}":${json}${hasPlaceholders ? ',"x":1' : ''}`, takeBack }
  }

  /** @throws For malformed placeholders, and if too many streams or signals are open. */
  decode(peer: Peer, value: unknown): unknown {
    const referents: Referents = {
      toFunction: (id) => this.remoteFunction(peer, id),
      toStream: (id) => this.#consumer(peer, id),
      toSignal: (id, aborted) => this.#remoteSignal(peer, id, aborted),
    }
    return decode(value, referents)
  }

  /**
   * Registers a function that the peer may call, and returns its id. A peer of this package releases it as often
   * as it has received it. For kkrpc, the same function keeps its id.
   */
  callback(peer: Peer, callback: Callback): string {
    if (peer.form === 'own') return this.#addCallback(peer, callback)
    const ids = this.#callbackIds.get(callback) ?? new Map<Peer, string>()
    this.#callbackIds.set(callback, ids)
    const known = ids.get(peer)
    const sent = known === undefined ? undefined : this.#callbacks.get(known)
    if (known !== undefined && sent) {
      sent.uses++
      return known
    }
    const id = this.#addCallback(peer, callback)
    ids.set(peer, id)
    return id
  }

  #addCallback(peer: Peer, callback: Callback): string {
    const id = this.#newId()
    this.#callbacks.set(id, { peer, value: callback, uses: 1 })
    return id
  }

  /** The peer does not use a function any more, or has not received it. kkrpc releases it once. */
  releaseCallback(id: string, isOnce: boolean): void {
    const sent = this.#callbacks.get(id)
    if (sent && (--sent.uses === 0 || isOnce)) this.#callbacks.delete(id)
  }

  freeCallbacks(): void {
    this.#callbacks.clear()
  }

  /** A function of this side, and the peer that has it. */
  callbackOf(id: string): Owned<Callback> | undefined {
    return this.#callbacks.get(id)
  }

  fromFunction(peer: Peer, callback: Callback): Placeholder {
    return { $: 'function', id: this.callback(peer, callback) }
  }

  /** Takes back a function or a stream that was not sent. A signal is released with its last use here. */
  takeBack(placeholder: Placeholder): void {
    if (placeholder.$ === 'function') this.releaseCallback(placeholder.id, false)
    else if (placeholder.$ === 'stream') this.#producers.delete(placeholder.id)
  }

  /** Releases the references of a value that has no receiver. */
  discard(value: unknown): void {
    decode(value, {
      toFunction: (id) => {
        this.#release(id, false)
        return () => {}
      },
      toStream: (id) => {
        this.#send(JSON.stringify({ t: 'sq', sid: id, op: 'return' }))
        return { [Symbol.asyncIterator]: () => new Consumer({ pull() {}, end() {}, waits() {} }) }
      },
      toSignal: () => AbortSignal.abort(),
    })
  }

  /** Takes a frame about streams, signals and released functions. `items` decodes the items of a stream. */
  receive(t: string, frame: Frame, chars: number, items: (peer: Peer) => unknown[]): void {
    const sid = String(frame['sid'])
    switch (t) {
      case 'cbr':
        for (const released of Array.isArray(frame['ids']) ? frame['ids'] : []) {
          const id = String(released)
          this.releaseCallback(id, this.#callbacks.get(id)?.peer.form !== 'own')
        }
        return
      case 'sq':
        return this.#pulled(sid, frame)
      case 'sr':
        return this.#arrived(sid, frame, chars, items)
      case 'ab':
        if (frame['drop'] !== 1) this.#controllers.get(sid)?.value.abort(fromWireError(frame['e']))
        this.#controllers.delete(sid)
    }
  }

  /** Ends everything that belongs to a peer that has gone. */
  forget(peer: Peer): void {
    this.#end(new JsRuntimeError('closed', 'the other side of the connection has gone'), peer)
  }

  close(error: Error): void {
    this.#end(error, null)
  }

  #end(error: Error, of: Peer | null): void {
    const take = <Value>(map: Map<string, Owned<Value>>): Value[] => {
      const taken: Value[] = []
      for (const [id, { peer, value }] of [...map]) {
        if (of && peer !== of) continue
        map.delete(id)
        taken.push(value)
      }
      return taken
    }
    take(this.#callbacks)
    for (const producer of take(this.#producers)) producer.end()
    for (const consumer of take(this.#consumers)) strong(consumer)?.fail({ error })
    for (const { signal, listener } of take(this.#sentSignals)) {
      signal.deref()?.removeEventListener('abort', listener)
    }
    for (const controller of take(this.#controllers)) controller.abort(error)
  }

  #newId(): string {
    return `${this.#prefix}.${(++this.#lastId).toString(36)}`
  }

  #encoded(peer: Peer, value: unknown): EncodedItem {
    const encoder = new Encoder(this, peer)
    const encoded = encoder.encode(value)
    const takeBack = () => encoder.takeBack()
    try {
      const { hasPlaceholders } = encoder
      return { json: JSON.stringify(encoded), hasPlaceholders, takeBack }
    } catch (error) {
      takeBack()
      throw error
    }
  }

  #item(peer: Peer, item: unknown): EncodedItem {
    if (item === undefined) return { json: '{"$":"undefined"}', hasPlaceholders: true }
    if (isSimple(item)) return { json: JSON.stringify(item), hasPlaceholders: false }
    return this.#encoded(peer, item)
  }

  /** A function that calls one of the peer. */
  remoteFunction(peer: Peer, id: string): (...args: unknown[]) => void {
    const call = (...args: unknown[]) => {
      if (peer.isGone) return
      this.#send(`{"t":"cb","id":${JSON.stringify(id)}${this.encode(peer, 'a', args).text}}`)
    }
    this.#released.register(call, { id, isStream: false })
    return call
  }

  fromStream(peer: Peer, source: AsyncIterable<unknown>): Placeholder {
    requireRoom(this.#producers, 'streams')
    const id = this.#newId()
    const send = (items: EncodedItem[], end: StreamEnd | null) => {
      if (end) this.#producers.delete(id)
      const list = items.map(({ json }) => json).join(',')
      const marks = items.some(({ hasPlaceholders }) => hasPlaceholders) ? ',"x":1' : ''
      const over = end ? ',"d":1' : ''
      const failed = end && 'error' in end ? `,"e":${JSON.stringify(toWireError(end.error))}` : ''
      this.#send(`{"t":"sr","sid":"${id}","b":[${list}]${marks}${over}${failed}}`)
    }
    const producer = new Producer(source, { encode: (item) => this.#item(peer, item), send })
    this.#producers.set(id, { peer, value: producer })
    return { $: 'stream', id }
  }

  #pulled(sid: string, { op, n }: Frame): void {
    const producer = this.#producers.get(sid)?.value
    if (!producer) return
    if (op === 'pull') return producer.pull(typeof n === 'number' && n > 0 ? Math.floor(n) : 1)
    this.#producers.delete(sid)
    producer.end()
  }

  #consumer(peer: Peer, id: string): AsyncIterable<unknown> {
    requireRoom(this.#consumers, 'streams')
    const consumer = new Consumer({
      pull: (count) =>
        this.#send(`{"t":"sq","sid":${JSON.stringify(id)},"op":"pull","n":${count}}`),
      end: () => this.#release(id, true),
      // A read that waits is reachable from its stream alone.
      waits: (self) => this.#hold(id, self),
    })
    // A stream that is not read must not stay for the life of the connection.
    this.#consumers.set(id, { peer, value: new WeakRef(consumer) })
    this.#released.register(consumer, { id, isStream: true })
    return consumer
  }

  #arrived(sid: string, frame: Frame, chars: number, items: (peer: Peer) => unknown[]): void {
    const owned = this.#consumers.get(sid)
    const consumer = owned && strong(owned.value)
    if (!consumer) return
    const { d, e } = frame
    if (d) this.#consumers.delete(sid)
    else owned.value = new WeakRef(consumer)
    const end = e === undefined ? (d ? {} : null) : { error: fromWireError(e) }
    try {
      consumer.receive(items(owned.peer), chars, end)
      if (!d && consumer.isWaiting) owned.value = consumer
    } catch (error) {
      this.#release(sid, true)
      consumer.fail({ error })
    }
  }

  #hold(id: string, consumer: Consumer): void {
    const owned = this.#consumers.get(id)
    if (owned) owned.value = consumer
  }

  #release(id: string, isStream: boolean): void {
    if (!isStream) return this.#send(JSON.stringify({ t: 'cbr', ids: [id] }))
    if (this.#consumers.delete(id)) this.#send(JSON.stringify({ t: 'sq', sid: id, op: 'return' }))
  }

  fromSignal(peer: Peer, signal: AbortSignal): Placeholder {
    const ids = this.#signalIds.get(signal) ?? new Map<Peer, string>()
    const known = ids.get(peer)
    if (known !== undefined && this.#sentSignals.has(known)) return { $: 'signal', id: known }
    const id = this.#newId()
    if (signal.aborted) return { $: 'signal', id, aborted: toWireError(signal.reason) }
    this.#signalIds.set(signal, ids.set(peer, id))
    const weak = new WeakRef(signal)
    const listener = () => {
      this.#sentSignals.delete(id)
      this.#send(JSON.stringify({ t: 'ab', sid: id, e: toWireError(weak.deref()?.reason) }))
    }
    signal.addEventListener('abort', listener, { once: true })
    this.#sentSignals.set(id, { peer, value: { signal: weak, listener } })
    this.#collected.register(signal, id)
    return { $: 'signal', id }
  }

  #remoteSignal(peer: Peer, id: string, aborted: unknown): AbortSignal {
    if (aborted !== undefined) return AbortSignal.abort(fromWireError(aborted))
    const known = this.#controllers.get(id)
    if (known) return known.value.signal
    requireRoom(this.#controllers, 'signals')
    const controller = new AbortController()
    this.#controllers.set(id, { peer, value: controller })
    return controller.signal
  }
}

function strong(value: WeakRef<Consumer> | Consumer): Consumer | undefined {
  return value instanceof Consumer ? value : value.deref()
}

function requireRoom({ size }: Map<string, unknown>, what: string): void {
  if (size < MAX_OPEN) return
  throw new JsRuntimeError('tooMany', `the connection has ${MAX_OPEN} open ${what}; end some first`)
}
