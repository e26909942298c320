/** Errors across a connection: an answer carries name, message, stack, cause and own fields. */

/** An error as the compact wire has it. */
export interface WireError {
  n: string
  m: string
  s?: string
  c?: unknown
  [field: string]: unknown
}

/** The deepest chain of causes that is sent. */
const MAX_CAUSES = 8

const OWN = new Set(['name', 'message', 'stack', 'cause', 'n', 'm', 's', 'c'])

/** The error for the wire. A thrown value that is no `Error` becomes its text. */
export function toWireError(thrown: unknown, depth = 0): WireError {
  if (!(thrown instanceof Error)) return { n: 'Error', m: textOf(thrown) }
  const error: WireError = { n: String(thrown.name), m: String(thrown.message) }
  if (typeof thrown.stack === 'string') error.s = thrown.stack
  if (thrown.cause !== undefined && depth < MAX_CAUSES) {
    error.c =
      thrown.cause instanceof Error ? toWireError(thrown.cause, depth + 1) : plain(thrown.cause)
  }
  for (const [key, value] of Object.entries(thrown)) {
    const copy = OWN.has(key) ? undefined : jsonOf(value)
    if (copy !== undefined) error[key] = copy
  }
  return error
}

/** The error of an answer: compact, classic from kkrpc 0.4 on, or the text of kkrpc 0.2. */
export function fromWireError(wire: unknown, depth = 0): Error {
  if (typeof wire !== 'object' || wire === null) return new Error(textOf(wire))
  const record = wire as Record<string, unknown>
  const isCompact = 'm' in record
  const message = isCompact ? record['m'] : record['message']
  const cause = isCompact ? record['c'] : record['cause']
  const error = new Error(textOf(message ?? ''), {
    ...(cause === undefined
      ? {}
      : { cause: isError(cause) && depth < MAX_CAUSES ? fromWireError(cause, depth + 1) : cause }),
  })
  const name = isCompact ? record['n'] : record['name']
  if (typeof name === 'string') define(error, 'name', name)
  const stack = isCompact ? record['s'] : record['stack']
  if (typeof stack === 'string') define(error, 'stack', stack)
  for (const [key, value] of Object.entries(record)) {
    if (!OWN.has(key)) define(error, key, value, true)
  }
  return error
}

/** The classic form, from kkrpc 0.4 on; kkrpc 0.2 shows `message` alone. */
export function toClassicError(wire: WireError): Record<string, unknown> {
  const { n: name, m: message, s: stack, c: cause, ...own } = wire
  return {
    name,
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(cause === undefined
      ? {}
      : { cause: isError(cause) ? toClassicError(cause as WireError) : cause }),
    ...own,
  }
}

function isError(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return ('n' in value && 'm' in value) || ('name' in value && 'message' in value)
}

function define(error: Error, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, key, { value, enumerable, configurable: true, writable: true })
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

function plain(value: unknown): unknown {
  return jsonOf(value) ?? textOf(value)
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
