/**
 * Parses the headers of RPC frames, in both of kkrpc's wire formats. The page uses them to match requests with
 * responses and to ignore frames for other connections.
 *
 * - classic (0.x): `{ id, method, args, type, callbackIds? }`, bare or in superjson's `{ json, meta }`
 * - compact (1.0 and later): `{ t: 'q' | 'r' | 'cb' | …, id, … }`
 */

/** A response has the format of its request. */
export type WireFormat = 'superjson' | 'json' | 'compact'

export interface FrameHeader {
  kind: 'request' | 'response' | 'callback' | 'other'
  id: string
  format: WireFormat
  /** Ids of the functions among the arguments of a request. Callback frames name them. */
  callbackIds: readonly string[]
}

/** A response that rejects a request. */
export function errorResponse(
  { id, format }: FrameHeader,
  error: Error & { kind?: string },
): object {
  const { name, message, kind } = error
  if (format === 'compact') return { t: 'r', id, e: { n: name, m: message, kind } }
  const response = { id, method: '', args: { error: message }, type: 'response' }
  return format === 'json'
    ? { ...response, version: 'json' }
    : { json: { ...response, version: 'superjson' } }
}

/** The header of a parsed frame; `null` if the value is not a frame. */
export function headerOf(frame: unknown): FrameHeader | null {
  if (!isRecord(frame)) return null
  const inner = frame['json']
  if (isRecord(inner)) return parseClassic(inner, 'superjson')
  return typeof frame['t'] === 'string' ? parseCompact(frame) : parseClassic(frame, 'json')
}

/** The header of a line; `null` if the line is not a frame. */
export function headerOfLine(line: string): FrameHeader | null {
  return matchHeader(line) ?? headerOf(parseJson(line))
}

/** Parses JSON; `undefined` if it is invalid. */
export function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const RESPONSE = /^\{("json":\{)?"id":"([^"\\]+)","method":"","args":\{"(?:result|error)":/
const REQUEST = /^\{("json":\{)?"id":"([^"\\]+)","method":"[^"\\]+","args":/

/**
 * Reads the header of a large frame without parsing the frame: of a response, and of a request without functions
 * among its arguments. JSON escapes quotes inside strings, so the searched text can only be a field. If an
 * argument has such a field, the caller parses the frame.
 */
function matchHeader(line: string): FrameHeader | null {
  const response = RESPONSE.exec(line)
  if (response) return matchedHeader('response', response)
  const request = REQUEST.exec(line)
  if (!request || !line.includes('"type":"request"')) return null
  const isAmbiguous = line.includes('"type":"callback"') || line.includes('"__callback__')
  return isAmbiguous ? null : matchedHeader('request', request)
}

function matchedHeader(kind: FrameHeader['kind'], [, wrapped, id]: RegExpExecArray): FrameHeader {
  return { kind, id: id!, format: wrapped ? 'superjson' : 'json', callbackIds: [] }
}

const classicKinds = new Map<unknown, FrameHeader['kind']>([
  ['request', 'request'],
  ['get', 'request'],
  ['set', 'request'],
  ['construct', 'request'],
  ['response', 'response'],
  ['callback', 'callback'],
])

function parseClassic(frame: Record<string, unknown>, format: WireFormat): FrameHeader | null {
  const { id, type, method, callbackIds } = frame
  if (typeof id !== 'string' || typeof type !== 'string') return null
  const kind = classicKinds.get(type) ?? 'other'
  return {
    kind,
    // In a callback frame, `method` is the id of the called function.
    id: kind === 'callback' ? String(method) : id,
    format,
    callbackIds: Array.isArray(callbackIds) ? callbackIds.map(String) : [],
  }
}

const compactKinds = new Map<unknown, FrameHeader['kind']>([
  ['q', 'request'],
  ['r', 'response'],
  ['cb', 'callback'],
])

/** `null` for frames that only endpoints of this package understand. */
function parseCompact({ t, id, to, sid }: Record<string, unknown>): FrameHeader | null {
  if (to !== undefined || (sid !== undefined && id === undefined)) return null
  const kind = compactKinds.get(t) ?? 'other'
  return { kind, id: String(id), format: 'compact', callbackIds: [] }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
