/**
 * What the page itself must know of RPC frames: which are requests that wait for an answer, and which
 * are for somebody else. Both of kkrpc's wire formats:
 *
 * - classic (0.x): `{ id, method, args, type, callbackIds? }`, bare or in superjson's `{ json, meta }`
 * - compact (from 1.0): `{ t: 'q' | 'r' | 'cb' | …, id, … }`
 */

/** How a frame is written; an answer is written as its request was. */
export type Form = 'superjson' | 'json' | 'compact'

/** The part of a frame that matters here. */
export interface Head {
  kind: 'request' | 'response' | 'callback' | 'other'
  id: string
  form: Form
  /** The functions that a request hands over, by the names that callbacks to them will have. */
  callbackIds: readonly string[]
}

/** An answer that says that the call has failed. */
export function failure({ id, form }: Head, error: Error & { kind?: string }): object {
  const { name, message, kind } = error
  if (form === 'compact') return { t: 'r', id, e: { n: name, m: message, kind } }
  const answer = { id, method: '', args: { error: message }, type: 'response' }
  return form === 'json'
    ? { ...answer, version: 'json' }
    : { json: { ...answer, version: 'superjson' } }
}

/** The head of a parsed frame; `null` if it is none. */
export function headOf(frame: unknown): Head | null {
  if (!isRecord(frame)) return null
  const inner = frame['json']
  if (isRecord(inner)) return classic(inner, 'superjson')
  return typeof frame['t'] === 'string' ? compact(frame) : classic(frame, 'json')
}

/** The head of a line; `null` if it is no frame. Parses only what cannot be told by its beginning. */
export function headOfLine(line: string): Head | null {
  return quickHead(line) ?? headOf(parsed(line))
}

/** The value of a line of JSON, or undefined. */
export function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const ANSWER = /^\{("json":\{)?"id":"([^"\\]+)","method":"","args":\{"(?:result|error)":/
const CALL = /^\{("json":\{)?"id":"([^"\\]+)","method":"[^"\\]+","args":/

/**
 * The two frames that may be megabytes, as kkrpc writes them: an answer, and a request that hands over
 * no function. Quotes inside strings are escaped in JSON, so what is searched for can only be missed
 * where an argument has such a field itself: then the frame is parsed.
 */
function quickHead(line: string): Head | null {
  const answer = ANSWER.exec(line)
  if (answer) return quick('response', answer)
  const request = CALL.exec(line)
  if (!request || !line.includes('"type":"request"')) return null
  const mayBeOther = line.includes('"type":"callback"') || line.includes('"__callback__')
  return mayBeOther ? null : quick('request', request)
}

function quick(kind: Head['kind'], [, wrapped, id]: RegExpExecArray): Head {
  return { kind, id: id!, form: wrapped ? 'superjson' : 'json', callbackIds: [] }
}

const classicKinds = new Map<unknown, Head['kind']>([
  ['request', 'request'],
  ['get', 'request'],
  ['set', 'request'],
  ['construct', 'request'],
  ['response', 'response'],
  ['callback', 'callback'],
])

function classic(frame: Record<string, unknown>, form: Form): Head | null {
  const { id, type, method, callbackIds } = frame
  if (typeof id !== 'string' || typeof type !== 'string') return null
  const kind = classicKinds.get(type) ?? 'other'
  return {
    kind,
    // A callback has a number of its own; what it calls is in the place of the method.
    id: kind === 'callback' ? String(method) : id,
    form,
    callbackIds: Array.isArray(callbackIds) ? callbackIds.map(String) : [],
  }
}

const compactKinds = new Map<unknown, Head['kind']>([
  ['q', 'request'],
  ['r', 'response'],
  ['cb', 'callback'],
])

function compact({ t, id }: Record<string, unknown>): Head {
  const kind = compactKinds.get(t) ?? 'other'
  return { kind, id: String(id), form: 'compact', callbackIds: [] }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
