/** Decoding of values with placeholders, in time that is proportional to the text of the frame. */
import { fromBase64 } from './bytes.ts'
import { MAX_DEPTH } from './encode.ts'
import { fromWireError } from './errors.ts'

/** Restores functions, streams and signals while a value is decoded. */
export interface Referents {
  toFunction(id: string): (...args: unknown[]) => void
  toStream(id: string): AsyncIterable<unknown>
  toSignal(id: string, aborted: unknown): AbortSignal
}

/**
 * Replaces placeholders by what they stand for, in place.
 *
 * @throws `TypeError`, `RangeError` or `SyntaxError` for a malformed placeholder.
 */
export function decode(value: unknown, referents: Referents, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) throw new TypeError(`the value is nested deeper than ${MAX_DEPTH} levels`)
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      value[index] = decode(value[index], referents, depth + 1)
    }
    return value
  }
  const record = value as Record<string, unknown>
  if (Object.hasOwn(record, '$')) return fromPlaceholder(record, referents, depth)
  return decodeKeys(record, referents, depth)
}

function decodeKeys(record: Record<string, unknown>, referents: Referents, depth: number) {
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

function fromPlaceholder(
  placeholder: Record<string, unknown>,
  referents: Referents,
  depth: number,
): unknown {
  const { $: kind, value } = placeholder
  const inner = (item: unknown) => decode(item, referents, depth + 1)
  switch (kind) {
    case 'function':
      return referents.toFunction(text(placeholder, 'id'))
    case 'stream':
      return referents.toStream(text(placeholder, 'id'))
    case 'signal':
      return referents.toSignal(text(placeholder, 'id'), placeholder['aborted'])
    case 'bytes':
      return fromBase64(text(placeholder, 'type'), text(placeholder, 'data'))
    case 'object':
      if (typeof value !== 'object' || value === null) break
      return decodeKeys(value as Record<string, unknown>, referents, depth)
    case 'undefined':
      return undefined
    case 'number':
      return Number(text(placeholder, 'value'))
    case 'bigint':
      return BigInt(text(placeholder, 'value'))
    case 'date':
      return new Date(value === null ? NaN : text(placeholder, 'value'))
    case 'map':
      return new Map(list(value).map((entry) => list(inner(entry)) as [unknown, unknown]))
    case 'set':
      return new Set(list(inner(value)))
    case 'regexp':
      return new RegExp(text(placeholder, 'source'), text(placeholder, 'flags'))
    case 'url':
      return new URL(text(placeholder, 'value'))
    case 'error':
      return fromWireError(value)
  }
  throw new TypeError(`the frame has a malformed placeholder of the kind ${String(kind)}`)
}

function text(placeholder: Record<string, unknown>, field: string): string {
  const value = placeholder[field]
  if (typeof value === 'string') return value
  throw new TypeError(`the field ${field} of a placeholder is no text`)
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[]
  throw new TypeError('the value of a placeholder is no list')
}
