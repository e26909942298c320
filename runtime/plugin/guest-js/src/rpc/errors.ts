/**
 * Errors across a connection: an answer carries name, message, stack, cause and own fields.
 *
 * Endpoints of this package also carry `AggregateError.errors`, own fields of any name, and thrown values that
 * are no errors. kkrpc has fields beside name and message.
 */

/** An error between endpoints of this package. */
export interface WireError {
  /** Name, message, stack. */
  n: string
  m: string
  s?: string
  /** The cause. */
  c?: WireError
  /** The errors of an `AggregateError`. */
  es?: WireError[]
  /** Own enumerable fields, as JSON keeps them. */
  f?: Record<string, unknown>
  /** The thrown value, if it is no `Error`. */
  v?: unknown
}

/** How deep causes and errors of an `AggregateError` are sent. */
const MAX_DEPTH = 8

/** The most errors of an `AggregateError`. */
const MAX_ERRORS = 100

/** Fields of every error. */
const OF_ERRORS = new Set(['name', 'message', 'stack', 'cause', 'errors'])

/** Fields of kkrpc's errors in either era. */
const OF_KKRPC = new Set([...OF_ERRORS, 'n', 'm', 's', 'c'])

/** Whether a value is an error: of any realm, or a `DOMException`. */
export function isError(value: unknown): value is Error {
  if (value instanceof Error) return true
  const tag = Object.prototype.toString.call(value)
  return tag === '[object Error]' || tag === '[object DOMException]'
}

export function toWireError(thrown: unknown, depth = 0): WireError {
  if (!isError(thrown)) {
    const error: WireError = { n: 'Error', m: textOf(thrown) }
    const value = jsonOf(thrown)
    if (value !== undefined) error.v = value
    return error
  }
  const error: WireError = { n: String(thrown.name), m: String(thrown.message) }
  if (typeof thrown.stack === 'string') error.s = thrown.stack
  if (depth < MAX_DEPTH) {
    if (thrown.cause !== undefined) error.c = toWireError(thrown.cause, depth + 1)
    const { errors } = thrown as { errors?: unknown }
    if (Array.isArray(errors)) {
      error.es = errors.slice(0, MAX_ERRORS).map((inner) => toWireError(inner, depth + 1))
    }
  }
  for (const [key, value] of Object.entries(thrown)) {
    const copy = OF_ERRORS.has(key) ? undefined : jsonOf(value)
    if (copy !== undefined) define((error.f ??= {}), key, copy, true)
  }
  return error
}

/** The thrown `Error`, or the thrown value if it was no `Error`. */
export function fromWireError(wire: unknown, depth = 0): unknown {
  if (!isRecord(wire)) return new Error(textOf(wire))
  if (Object.hasOwn(wire, 'v')) return wire['v']
  const { n, m, s, c, es, f } = wire
  const inner = (error: unknown) => (depth < MAX_DEPTH ? fromWireError(error, depth + 1) : error)
  const options = c === undefined ? {} : { cause: inner(c) }
  const error = Array.isArray(es)
    ? new AggregateError(es.slice(0, MAX_ERRORS).map(inner), textOf(m ?? ''), options)
    : new Error(textOf(m ?? ''), options)
  describe(error, n, s)
  if (isRecord(f)) copyFields(error, f, OF_ERRORS)
  return error
}

/** An error as kkrpc from 1.0 on reads it: fields beside name and message. */
export function toCompactError(thrown: unknown): Record<string, unknown> {
  const { n, m, s, c, f } = toWireError(thrown)
  const fields: Record<string, unknown> = { n, m }
  if (s !== undefined) fields['s'] = s
  if (c !== undefined) fields['c'] = compactCause(c)
  copyFields(fields, f ?? {}, OF_KKRPC)
  return fields
}

/** An error as kkrpc from 0.4 to 0.7 reads it. */
export function toClassicError(thrown: unknown): Record<string, unknown> {
  return classicOf(toWireError(thrown))
}

/** The error of kkrpc's answer: compact, classic from 0.4 on, or the text of 0.2. */
export function fromKkrpcError(wire: unknown, depth = 0): Error {
  if (!isRecord(wire)) return new Error(textOf(wire))
  const isCompact = 'm' in wire
  const message = isCompact ? wire['m'] : wire['message']
  const cause = isCompact ? wire['c'] : wire['cause']
  const options =
    cause === undefined
      ? {}
      : {
          cause:
            isKkrpcError(cause) && depth < MAX_DEPTH ? fromKkrpcError(cause, depth + 1) : cause,
        }
  const error = new Error(textOf(message ?? ''), options)
  if (isCompact) describe(error, wire['n'], wire['s'])
  else describe(error, wire['name'], wire['stack'])
  copyFields(error, wire, OF_KKRPC)
  return error
}

function compactCause(cause: WireError): unknown {
  if ('v' in cause) return cause.v
  const { n, m, s, c } = cause
  return {
    n,
    m,
    ...(s === undefined ? {} : { s }),
    ...(c === undefined ? {} : { c: compactCause(c) }),
  }
}

function classicOf({ n: name, m: message, s: stack, c: cause, f }: WireError) {
  const fields: Record<string, unknown> = { name, message }
  if (stack !== undefined) fields['stack'] = stack
  if (cause !== undefined) fields['cause'] = 'v' in cause ? cause.v : classicOf(cause)
  copyFields(fields, f ?? {}, OF_ERRORS)
  return fields
}

function isKkrpcError(value: unknown): boolean {
  return isRecord(value) && (('n' in value && 'm' in value) || 'message' in value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function describe(error: Error, name: unknown, stack: unknown): void {
  if (typeof name === 'string') define(error, 'name', name)
  if (typeof stack === 'string') define(error, 'stack', stack)
}

function copyFields(
  target: object,
  fields: Record<string, unknown>,
  except: ReadonlySet<string>,
): void {
  for (const [key, value] of Object.entries(fields)) {
    if (!except.has(key)) define(target, key, value, true)
  }
}

/** Defines a property, so that `__proto__` is one too. */
function define(target: object, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(target, key, { value, enumerable, configurable: true, writable: true })
}

/** The value as JSON carries it; `undefined` if it does not. */
function jsonOf(value: unknown): unknown {
  try {
    const text: string | undefined = JSON.stringify(value)
    return text === undefined ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    const text: unknown = typeof value === 'object' ? JSON.stringify(value) : String(value)
    return typeof text === 'string' ? text : 'unknown error'
  } catch {
    return 'unknown error'
  }
}
