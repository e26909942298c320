/**
 * Functions, async iterables and signals that cross a connection: what this side has handed over, by id,
 * and what stands here for things of the other side.
 */
import { JsRuntimeError } from '../error.ts'
import { fromWireError, toWireError } from './errors.ts'
import type { Peer } from './peers.ts'
import { Consumer, Producer, type EncodedItem, type StreamEnd } from './streams.ts'
import { Encoding, annotate, decode, type Placeholder, type Referents } from './values.ts'

type Callback = (...args: never[]) => unknown
type Frame = Record<string, unknown>

interface Owned<Value> {
  peer: Peer
  value: Value
}

/** A signal that this side has handed over. */
interface SentSignal {
  signal: WeakRef<AbortSignal>
  listener: () => void
}

export class References {
  readonly #prefix: string
  readonly #send: (line: string) => void
  #lastId = 0
  readonly #callbacks = new Map<string, Owned<Callback>>()
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

  /** The fields of a frame that carry this value, with a comma before them. */
  encode(peer: Peer, key: string, value: unknown): string {
    if (value === undefined) return ''
    const type = typeof value
    if (type === 'string' || type === 'boolean') return `,"${key}":${JSON.stringify(value)}`
    const encoding = this.#encoding(peer)
    const encoded = encoding.encode(value)
    const marks = encoding.hasPlaceholders ? ',"x":1' : ''
    if (!encoding.isRich) return `,"${key}":${JSON.stringify(encoded)}${marks}`
    const { json, meta } = annotate(encoded)
    const annotations = meta === undefined ? '' : `,"m":${JSON.stringify(meta)}`
    return `,"${key}":${JSON.stringify(json)}${annotations}${marks}`
  }

  decode(peer: Peer, value: unknown): unknown {
    const referents: Referents = {
      toFunction: (id) => this.remoteFunction(peer, id),
      toStream: (id) => this.#consumer(peer, id),
      toSignal: (id, aborted) => this.#remoteSignal(peer, id, aborted),
    }
    return decode(value, referents)
  }

  /**
   * Registers a function that the peer may call. A peer of this package releases it. kkrpc before 2.1 does
   * not, so there the same function keeps its id.
   */
  callback(peer: Peer, callback: Callback): string {
    if (peer.form === 'own') return this.#addCallback(peer, callback)
    const ids = this.#callbackIds.get(callback) ?? new Map<Peer, string>()
    this.#callbackIds.set(callback, ids)
    const known = ids.get(peer)
    if (known !== undefined && this.#callbacks.has(known)) return known
    const id = this.#addCallback(peer, callback)
    ids.set(peer, id)
    return id
  }

  #addCallback(peer: Peer, callback: Callback): string {
    const id = this.#newId()
    this.#callbacks.set(id, { peer, value: callback })
    return id
  }

  freeCallbacks(): void {
    this.#callbacks.clear()
  }

  /** A function of this side, and the peer that has it. */
  callbackOf(id: string): { peer: Peer; value: Callback } | undefined {
    return this.#callbacks.get(id)
  }

  /** Releases what a value refers to, which nobody receives. */
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

  /** A function that calls one of the peer. */
  remoteFunction(peer: Peer, id: string): (...args: unknown[]) => void {
    const call = (...args: unknown[]) => {
      if (peer.isGone) return
      this.#send(`{"t":"cb","id":${JSON.stringify(id)}${this.encode(peer, 'a', args)}}`)
    }
    this.#released.register(call, { id, isStream: false })
    return call
  }

  /** Takes a frame about streams, signals and released functions. `items` decodes the items of a stream. */
  receive(t: string, frame: Frame, chars: number, items: (peer: Peer) => unknown[]): void {
    const sid = String(frame['sid'])
    switch (t) {
      case 'cbr':
        for (const id of Array.isArray(frame['ids']) ? frame['ids'] : [])
          this.#callbacks.delete(String(id))
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

  #stream(peer: Peer, source: AsyncIterable<unknown>): Placeholder {
    const id = this.#newId()
    const send = (items: EncodedItem[], end: StreamEnd | null) => {
      if (end) this.#producers.delete(id)
      const list = items.map(({ json }) => json).join(',')
      const marks = items.some(({ hasPlaceholders }) => hasPlaceholders) ? ',"x":1' : ''
      const annotations = items[0]?.meta == null ? '' : `,"m":${items[0].meta}`
      const over = end ? ',"d":1' : ''
      const failed = end && 'error' in end ? `,"e":${JSON.stringify(toWireError(end.error))}` : ''
      this.#send(`{"t":"sr","sid":"${id}","b":[${list}]${annotations}${marks}${over}${failed}}`)
    }
    const producer = new Producer(source, { encode: (item) => this.#item(peer, item), send })
    this.#producers.set(id, { peer, value: producer })
    return { $: 'stream', id }
  }

  #item(peer: Peer, item: unknown): EncodedItem {
    const encoding = this.#encoding(peer)
    const encoded = encoding.encode([item])
    const { hasPlaceholders } = encoding
    const { json, meta } = encoding.isRich ? annotate(encoded) : { json: encoded, meta: undefined }
    return {
      json: JSON.stringify((json as unknown[])[0] ?? null),
      hasPlaceholders,
      meta: meta === undefined ? null : JSON.stringify(meta),
    }
  }

  #encoding(peer: Peer): Encoding {
    return new Encoding({
      fromFunction: (callback) => ({ $: 'function', id: this.callback(peer, callback) }),
      fromStream: (source) => this.#stream(peer, source),
      fromSignal: (signal) => this.#signal(peer, signal),
    })
  }

  #pulled(sid: string, { op, n }: Frame): void {
    const producer = this.#producers.get(sid)?.value
    if (!producer) return
    if (op === 'pull') return producer.pull(typeof n === 'number' && n > 0 ? Math.floor(n) : 1)
    this.#producers.delete(sid)
    producer.end()
  }

  #consumer(peer: Peer, id: string): AsyncIterable<unknown> {
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

  #signal(peer: Peer, signal: AbortSignal): Placeholder {
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
    const controller = new AbortController()
    this.#controllers.set(id, { peer, value: controller })
    return controller.signal
  }
}

function strong(value: WeakRef<Consumer> | Consumer): Consumer | undefined {
  return value instanceof Consumer ? value : value.deref()
}
