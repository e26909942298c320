/**
 * Encoding of arguments and results.
 *
 * A plain JSON value is sent as it is. Everything else is sent in one of two ways:
 *
 * - Rich values (`Date`, `Map`, `bigint`, `undefined` inside a value, `NaN` …) are sent with the
 *   annotations of superjson.
 * - Functions, async iterables, `AbortSignal`s and binary data are replaced by placeholders: objects with
 *   the key `$`.
 *
 * A frame says which of the two it uses, so the receiver does not look into plain values.
 */
import { SuperJSON } from 'superjson'

/** superjson's annotations. */
export type Meta = NonNullable<ReturnType<typeof SuperJSON.serialize>['meta']>

/** A value that cannot be sent as plain JSON, in place of functions, streams, signals and binary data. */
export type Placeholder =
  | { $: 'function' | 'stream'; id: string }
  | { $: 'signal'; id: string; aborted?: unknown }
  | { $: 'bytes'; type: string; data: string }
  | { $: 'object'; value: Record<string, unknown> }

/** Replaces functions, streams and signals while a value is encoded. */
export interface References {
  fromFunction(value: (...args: never[]) => unknown): Placeholder
  fromStream(value: AsyncIterable<unknown>): Placeholder
  fromSignal(value: AbortSignal): Placeholder
}

/** Restores functions, streams and signals while a value is decoded. */
export interface Referents {
  toFunction(id: string): (...args: unknown[]) => void
  toStream(id: string): AsyncIterable<unknown>
  toSignal(id: string, aborted: unknown): AbortSignal
}

/** The deepest nesting of a value that can be sent. */
const MAX_DEPTH = 500

/** One pass over a value. Copies only the parts that change. */
export class Encoding {
  /** Whether the value has placeholders. */
  hasPlaceholders = false
  /** Whether the value has parts that JSON does not keep. */
  isRich = false
  readonly #references: References | null

  /** Without `references`, functions, streams and signals are an error. */
  constructor(references: References | null) {
    this.#references = references
  }

  /** The value with placeholders. */
  encode(value: unknown, depth = 0): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        if (!Number.isFinite(value) || Object.is(value, -0)) this.isRich = true
        return value
      case 'undefined':
        if (depth > 0) this.isRich = true
        return value
      case 'bigint':
        this.isRich = true
        return value
      case 'symbol':
        throw new TypeError('a symbol cannot be sent')
      case 'function':
        return this.#reference('a function').fromFunction(value as never)
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
    if (isStream(value)) return this.#reference('an async iterable').fromStream(iterable(value))
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) {
      return this.#record(value as Record<string, unknown>, depth)
    }
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      this.hasPlaceholders = true
      return bytesToPlaceholder(value)
    }
    if (isSignal(value)) return this.#reference('an AbortSignal').fromSignal(value)
    if (isRichObject(value)) this.isRich = true
    return value
  }

  #array(value: unknown[], depth: number): unknown[] {
    let copy: unknown[] | null = null
    for (let index = 0; index < value.length; index++) {
      const before = value[index]
      const after = this.encode(before, depth + 1)
      if (after !== before && !Object.is(after, before)) (copy ??= value.slice())[index] = after
    }
    return copy ?? value
  }

  #record(value: Record<string, unknown>, depth: number): unknown {
    let copy: Record<string, unknown> | null = null
    for (const key of Object.keys(value)) {
      const before = value[key]
      const after = this.encode(before, depth + 1)
      if (after !== before && !Object.is(after, before)) {
        copy ??= { ...value }
        // `__proto__` as a key would set the prototype.
        Object.defineProperty(copy, key, { value: after, enumerable: true })
      }
    }
    const encoded = copy ?? value
    if (!Object.hasOwn(value, '$')) return encoded
    this.hasPlaceholders = true
    return { $: 'object', value: encoded } satisfies Placeholder
  }

  #reference(what: string): References {
    this.hasPlaceholders = true
    if (this.#references) return this.#references
    throw new TypeError(`${what} cannot be sent to this peer, which uses kkrpc`)
  }
}

/** Adds superjson's annotations; the parts are for one frame. */
export function annotate(value: unknown): { json: unknown; meta: Meta | undefined } {
  const { json, meta } = SuperJSON.serialize(value)
  return { json, meta }
}

/** Restores a value from superjson's parts. */
export function restore(json: unknown, meta: Meta | undefined): unknown {
  return SuperJSON.deserialize({ json: json as never, meta: meta as never })
}

/** A frame with superjson's wrapper, as kkrpc writes it. */
export function toSuperjson(frame: object): string {
  return SuperJSON.stringify(frame)
}

/** The frame in superjson's wrapper. */
export function fromSuperjson(wrapper: { json: unknown; meta?: unknown }): unknown {
  return wrapper.meta === undefined ? wrapper.json : restore(wrapper.json, wrapper.meta as Meta)
}

/** Replaces placeholders by what they stand for, in place. */
export function decode(value: unknown, referents: Referents, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) throw new TypeError(`the value is nested deeper than ${MAX_DEPTH} levels`)
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++)
      value[index] = decode(value[index], referents, depth + 1)
    return value
  }
  const record = value as Record<string, unknown>
  // Objects that superjson has restored contain no placeholders.
  const prototype: unknown = Object.getPrototypeOf(record)
  if (prototype !== Object.prototype && prototype !== null) return value
  if (Object.hasOwn(record, '$')) return fromPlaceholder(record as Placeholder, referents, depth)
  return decodeKeys(record, referents, depth)
}

function decodeKeys(
  record: Record<string, unknown>,
  referents: Referents,
  depth: number,
): Record<string, unknown> {
  for (const key of Object.keys(record)) {
    const before = record[key]
    const after = decode(before, referents, depth + 1)
    if (after !== before) {
      Object.defineProperty(record, key, {
        value: after,
        enumerable: true,
        writable: true,
        configurable: true,
      })
    }
  }
  return record
}

function fromPlaceholder(placeholder: Placeholder, referents: Referents, depth: number): unknown {
  switch (placeholder.$) {
    case 'function':
      return referents.toFunction(placeholder.id)
    case 'stream':
      return referents.toStream(placeholder.id)
    case 'signal':
      return referents.toSignal(placeholder.id, placeholder.aborted)
    case 'bytes':
      return bytesFromPlaceholder(placeholder.type, placeholder.data)
    case 'object':
      return decodeKeys(placeholder.value, referents, depth)
    default:
      throw new TypeError('the frame has a placeholder of an unknown kind')
  }
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

function isRichObject(value: object): boolean {
  return (
    value instanceof Date ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Error ||
    value instanceof RegExp ||
    value instanceof URL
  )
}

/** Views that a placeholder can name. */
const VIEWS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
} as const

function bytesToPlaceholder(value: ArrayBuffer | ArrayBufferView): Placeholder {
  const isBuffer = value instanceof ArrayBuffer
  const bytes = isBuffer
    ? new Uint8Array(value)
    : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  const type = isBuffer
    ? 'ArrayBuffer'
    : (Object.keys(VIEWS).find((name) => value instanceof VIEWS[name as keyof typeof VIEWS]) ??
      'Uint8Array')
  return { $: 'bytes', type, data: toBase64(bytes) }
}

function bytesFromPlaceholder(type: string, data: string): ArrayBuffer | ArrayBufferView {
  const bytes = fromBase64(data)
  if (type === 'Uint8Array') return bytes
  if (type === 'ArrayBuffer') return bytes.buffer
  const View = VIEWS[type as keyof typeof VIEWS] as typeof DataView | undefined
  if (!View) throw new TypeError(`the frame has binary data of the unknown type ${type}`)
  return new View(bytes.buffer)
}

/** Newer engines encode base64 themselves. */
interface Base64Array {
  toBase64?(): string
}
interface Base64Constructor {
  fromBase64?(text: string): Uint8Array<ArrayBuffer>
}

/** Arguments of one `String.fromCharCode` call. */
const CHUNK = 0x8000

function toBase64(bytes: Uint8Array): string {
  const native = (bytes as unknown as Base64Array).toBase64
  if (native) return native.call(bytes)
  let binary = ''
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK))
  }
  return btoa(binary)
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const { fromBase64: native } = Uint8Array as unknown as Base64Constructor
  if (native) return native.call(Uint8Array, text)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at)
  return bytes
}
