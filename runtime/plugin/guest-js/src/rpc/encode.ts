/**
 * Encoding of arguments and results.
 *
 * A value that JSON keeps is sent as it is. Between endpoints of this package everything else becomes a
 * placeholder: an object with the key `$`. A frame says whether it has placeholders, so the receiver does not
 * look into plain values. For kkrpc, values that superjson keeps stay as they are, and others are an error.
 */
import { binaryType, bytesOf, tagOf, toBase64 } from './bytes.ts'
import { isError, toWireError, type WireError } from './errors.ts'

/** A value that is not sent as plain JSON. */
export type Placeholder =
  | { $: 'function' | 'stream'; id: string }
  | { $: 'signal'; id: string; aborted?: WireError }
  | { $: 'bytes'; type: string; data: string }
  /** A plain object that itself has the key `$`. */
  | { $: 'object'; value: unknown }
  | { $: 'undefined' }
  | { $: 'number' | 'bigint' | 'url'; value: string }
  /** `null` for an invalid date. */
  | { $: 'date'; value: string | null }
  | { $: 'map'; value: [unknown, unknown][] }
  | { $: 'set'; value: unknown[] }
  | { $: 'regexp'; source: string; flags: string }
  | { $: 'error'; value: WireError }

/** Hands functions, streams and signals over to a peer. */
export interface Owner<Peer> {
  fromFunction(peer: Peer, value: (...args: never[]) => unknown): Placeholder
  fromStream(peer: Peer, value: AsyncIterable<unknown>): Placeholder
  fromSignal(peer: Peer, value: AbortSignal): Placeholder
  /** Takes back what the peer does not receive. */
  takeBack(placeholder: Placeholder): void
}

/** The deepest nesting of a value that can be sent. */
export const MAX_DEPTH = 500

const UNDEFINED: Placeholder = { $: 'undefined' }

/** Whether JSON keeps a value, for values and arrays that need no deep search. */
export function isSimple(value: unknown): boolean {
  if (!Array.isArray(value)) return isPrimitive(value)
  // By index: `every` skips holes.
  for (let index = 0; index < value.length; index++) if (!isPrimitive(value[index])) return false
  return true
}

function isPrimitive(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return isPlainNumber(value)
    default:
      return value === null
  }
}

/** One pass over a value. Copies only the parts that change. */
export class Encoder<Peer> {
  /** Whether the value has placeholders. */
  hasPlaceholders = false
  /** Whether the value has parts that superjson keeps and JSON does not. Never with an owner. */
  isRich = false
  readonly #owner: Owner<Peer> | null
  readonly #peer: Peer
  readonly #handedOver: Placeholder[] = []

  /** Without an owner, functions, streams and signals are an error, and rich values stay as they are. */
  constructor(owner: Owner<Peer> | null, peer: Peer) {
    this.#owner = owner
    this.#peer = peer
  }

  /** @throws `TypeError` for a value that cannot be sent. Nothing is handed over then. */
  encode(value: unknown): unknown {
    try {
      return this.#value(value, 0)
    } catch (error) {
      this.takeBack()
      throw error
    }
  }

  /** Releases the references of a value that was not sent. */
  takeBack(): void {
    for (const placeholder of this.#handedOver.splice(0)) this.#owner?.takeBack(placeholder)
  }

  #value(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        if (isPlainNumber(value)) return value
        return this.#rich(value, { $: 'number', value: Object.is(value, -0) ? '-0' : `${value}` })
      case 'undefined':
        return depth === 0 ? value : this.#rich(value, UNDEFINED)
      case 'bigint':
        return this.#rich(value, { $: 'bigint', value: `${value}` })
      case 'symbol':
        throw new TypeError('a symbol cannot be sent')
      case 'function':
        return this.#handOver('a function', (owner) =>
          owner.fromFunction(this.#peer, value as never),
        )
      default:
        return value === null ? null : this.#object(value as object, depth)
    }
  }

  #object(value: object, depth: number): unknown {
    if (depth > MAX_DEPTH) {
      throw new TypeError(
        `the value refers to itself, or is nested deeper than ${MAX_DEPTH} levels`,
      )
    }
    if (Array.isArray(value)) return this.#array(value, depth)
    const prototype: unknown = Object.getPrototypeOf(value)
    const isPlain = prototype === Object.prototype || prototype === null
    if (isStream(value)) {
      return this.#handOver('an async iterable', (owner) =>
        owner.fromStream(this.#peer, iterable(value)),
      )
    }
    return isPlain
      ? this.#record(value as Record<string, unknown>, depth)
      : this.#instance(value, depth)
  }

  /** An object of a class, or of another realm. */
  #instance(value: object, depth: number): unknown {
    const binary = binaryType(value)
    if (binary !== null) return this.#bytes(value as ArrayBuffer, binary)
    if (isError(value)) return this.#rich(value, { $: 'error', value: toWireError(value) })
    if (isSignal(value)) {
      return this.#handOver('an AbortSignal', (owner) => owner.fromSignal(this.#peer, value))
    }
    const tag = tagOf(value)
    switch (tag) {
      case 'Object':
        return this.#record(value as Record<string, unknown>, depth)
      case 'Date': {
        const date = value as Date
        const text = Number.isNaN(date.getTime()) ? null : date.toISOString()
        return this.#rich(date, { $: 'date', value: text })
      }
      case 'Map':
        return this.#map(value as Map<unknown, unknown>, depth)
      case 'Set':
        return this.#set(value as Set<unknown>, depth)
      case 'RegExp': {
        const { source, flags } = value as RegExp
        return this.#rich(value, { $: 'regexp', source, flags })
      }
      case 'URL':
        return this.#rich(value, { $: 'url', value: (value as URL).href })
      case 'Number':
      case 'String':
      case 'Boolean':
      case 'BigInt':
        return this.#value(value.valueOf(), depth)
      default:
        if (hasToJson(value) || isOfApplication(value)) {
          return this.#record(value as Record<string, unknown>, depth)
        }
        throw new TypeError(`a ${tag} cannot be sent`)
    }
  }

  #bytes(value: ArrayBuffer | ArrayBufferView, type: string): unknown {
    if (this.#owner) return this.#rich(value, { $: 'bytes', type, data: toBase64(value, type) })
    if (type === 'ArrayBuffer' || type === 'DataView') {
      throw new TypeError(
        `the peer uses kkrpc, which does not carry a value of the type ${type}; send a Uint8Array`,
      )
    }
    this.isRich = true
    // superjson does not know subclasses as `Buffer` of Node.
    return type === 'Uint8Array' ? bytesOf(value) : value
  }

  #map(value: Map<unknown, unknown>, depth: number): unknown {
    const entries = [...value].map(([key, item]): [unknown, unknown] => [
      this.#value(key, depth + 1),
      this.#value(item, depth + 1),
    ])
    return this.#owner
      ? this.#rich(value, { $: 'map', value: entries })
      : this.#rich(new Map(entries))
  }

  #set(value: Set<unknown>, depth: number): unknown {
    const items = [...value].map((item) => this.#value(item, depth + 1))
    return this.#owner ? this.#rich(value, { $: 'set', value: items }) : this.#rich(new Set(items))
  }

  #array(value: unknown[], depth: number): unknown[] {
    let copy: unknown[] | null = null
    for (let index = 0; index < value.length; index++) {
      const before = value[index]
      const after = this.#value(before, depth + 1)
      if (after !== before && !Object.is(after, before)) (copy ??= value.slice())[index] = after
    }
    return copy ?? value
  }

  #record(value: Record<string, unknown>, depth: number): unknown {
    // As JSON does: the class says how its objects are written.
    if (hasToJson(value)) return this.#value(value.toJSON(), depth + 1)
    let copy: Record<string, unknown> | null = null
    for (const key of Object.keys(value)) {
      const before = value[key]
      const after = this.#value(before, depth + 1)
      if (after !== before && !Object.is(after, before)) {
        copy ??= { ...value }
        // `__proto__` as a key would set the prototype.
        Object.defineProperty(copy, key, { value: after, enumerable: true })
      }
    }
    const encoded = copy ?? value
    if (!this.#owner || !Object.hasOwn(value, '$')) return this.#owner ? encoded : plain(encoded)
    return this.#rich(value, { $: 'object', value: encoded })
  }

  /** A value that JSON does not keep: its placeholder, or itself for superjson. */
  #rich(value: unknown, placeholder?: Placeholder): unknown {
    if (!this.#owner) this.isRich = true
    else if (placeholder) this.hasPlaceholders = true
    return this.#owner && placeholder ? placeholder : value
  }

  #handOver(what: string, by: (owner: Owner<Peer>) => Placeholder): Placeholder {
    if (!this.#owner) {
      throw new TypeError(`${what} cannot be sent to this peer, which uses kkrpc`)
    }
    this.hasPlaceholders = true
    const placeholder = by(this.#owner)
    this.#handedOver.push(placeholder)
    return placeholder
  }
}

function isPlainNumber(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0)
}

function isSignal(value: object): value is AbortSignal {
  return typeof AbortSignal === 'function' && value instanceof AbortSignal
}

function isStream(value: object): value is AsyncIterable<unknown> | ReadableStream<unknown> {
  return Symbol.asyncIterator in value || isReadableStream(value)
}

function isReadableStream(value: object): value is ReadableStream<unknown> {
  return typeof ReadableStream === 'function' && value instanceof ReadableStream
}

/** WebKit's `ReadableStream` is not iterable. */
function iterable(value: AsyncIterable<unknown> | ReadableStream<unknown>): AsyncIterable<unknown> {
  if (Symbol.asyncIterator in value) return value as AsyncIterable<unknown>
  return readAll(value)
}

async function* readAll(stream: ReadableStream<unknown>): AsyncGenerator<unknown, void> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel()
  }
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function'
}

/** An object without its class, which superjson would not look into. */
function plain(value: Record<string, unknown>): Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? value : { ...value }
}

/** Whether the application has written the class of an object, and not the language or the runtime. */
function isOfApplication(value: object): boolean {
  const { constructor } = value as { constructor?: unknown }
  if (typeof constructor !== 'function' || isNative(constructor)) return false
  return (globalThis as Record<string, unknown>)[constructor.name] !== constructor
}

const natives = new WeakMap<object, boolean>()

/** Whether a function is of the language or of the runtime. */
export function isNative(constructor: object): boolean {
  let known = natives.get(constructor)
  if (known === undefined) {
    known = /\{\s*\[native code\]\s*\}\s*$/.test(Function.prototype.toString.call(constructor))
    natives.set(constructor, known)
  }
  return known
}
