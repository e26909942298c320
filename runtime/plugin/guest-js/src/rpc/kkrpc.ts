/**
 * Frames of kkrpc, in both eras:
 *
 * - classic (0.x): `{ id, method, args, type, callbackIds?, version }`, bare or in superjson's wrapper
 * - compact (from 1.0): `{ t: 'q' | 'r' | 'cb' | …, id, … }`
 */
import { Encoder } from './encode.ts'
import { toClassicError, toCompactError, toWireError } from './errors.ts'
import { toSuperjson } from './superjson.ts'

/** How kkrpc's side writes frames. */
export interface Form {
  era: 'classic' | 'compact'
  isSuperjson: boolean
}

/** What a request does. */
export type Op = 'call' | 'get' | 'set' | 'new'

/** A request, without its frame. */
export interface Request {
  op: Op
  path: readonly string[]
  args: unknown[]
  /** The value of `set`. */
  value?: unknown
}

/** Registers a function that is handed over, and returns its id. */
export type AddCallback = (callback: (...args: never[]) => unknown) => string

const CALLBACK = '__callback__'
const NEXT_ARG = '__kkrpc_next_arg__'

const CLASSIC_TYPES = { call: 'request', get: 'get', set: 'set', new: 'construct' } as const

/** A request as kkrpc of this form reads it. */
export function kkrpcRequest(form: Form, id: string, request: Request, add: AddCallback): string {
  const frame =
    form.era === 'compact' ? compactRequest(id, request, add) : classicRequest(id, request, add)
  return write(form, frame)
}

/** A request that kkrpc of both eras and our own endpoint read: for a peer that has not answered yet. */
export function hybridRequest(id: string, request: Request, add: AddCallback): string {
  const ids: string[] = []
  const compact = compactRequest(id, request, (callback) => {
    const callbackId = add(callback)
    ids.push(callbackId)
    return callbackId
  })
  let next = 0
  const classic = classicRequest(id, request, () => ids[next++]!)
  // `JsRuntimeIo` skips lines that begin with `t`.
  return JSON.stringify({ ...classic, version: 'json', ...compact, js: 1 })
}

/** The answer to a request of kkrpc. */
export function kkrpcResponse(form: Form, id: string, value: unknown): string {
  const answered =
    form.era === 'compact' ? { t: 'r', id, v: value } : classic(id, { result: value })
  return write(form, answered)
}

/** The answer to a failed request of kkrpc. kkrpc 0.2 and 0.3 show texts alone. */
export function kkrpcFailure(form: Form, id: string, error: unknown, knowsErrors: boolean): string {
  if (form.era === 'compact') return write(form, { t: 'r', id, e: toCompactError(error) })
  return write(
    form,
    classic(id, { error: knowsErrors ? toClassicError(error) : toWireError(error).m }),
  )
}

/** Tells kkrpc from 2.1 on that its callback is not used any more. Earlier versions skip the frame. */
export function kkrpcRelease(form: Form, callbackId: string): string {
  return write(form, { t: 'cbr', ids: [callbackId] })
}

/** The call of a callback that kkrpc has handed over. */
export function kkrpcCallback(form: Form, id: string, callbackId: string, args: unknown[]): string {
  const frame =
    form.era === 'compact'
      ? { t: 'cb', id: callbackId, a: args.map((v) => ({ [NEXT_ARG]: 'value', v })) }
      : { id, method: callbackId, args, type: 'callback' }
  return write(form, frame)
}

/** The request of a classic frame; `null` if it is none. */
export function readClassic(frame: Record<string, unknown>): Request | null {
  const { type, method, args, path, value } = frame
  const parts = Array.isArray(path) ? path.map(String) : String(method).split('.')
  const list = Array.isArray(args) ? args : []
  switch (type) {
    case 'request':
      return { op: 'call', path: parts, args: list }
    case 'construct':
      return { op: 'new', path: parts, args: list }
    case 'get':
      return { op: 'get', path: parts, args: [] }
    case 'set':
      return { op: 'set', path: parts, args: [], value }
    default:
      return null
  }
}

/**
 * The id of a callback in place of an argument; `null` if the argument is a value.
 *
 * @param callbackIds - The field of a classic frame: text that begins as a callback does may be a value.
 */
export function callbackOf(arg: unknown, era: Form['era'], callbackIds?: unknown): string | null {
  if (era === 'classic') {
    if (typeof arg !== 'string' || !arg.startsWith(CALLBACK)) return null
    const id = arg.slice(CALLBACK.length)
    return Array.isArray(callbackIds) && callbackIds.includes(id) ? id : null
  }
  if (!isRecord(arg) || arg[NEXT_ARG] !== 'callback') return null
  return textOf(arg['id'], 'id')
}

/** The value of an argument: kkrpc from 1.0 on wraps it. */
export function valueOf(arg: unknown): unknown {
  return isRecord(arg) && arg[NEXT_ARG] === 'value' ? arg['v'] : arg
}

/** Restores binary data in a classic frame without superjson. */
export function revive(_key: string, value: unknown): unknown {
  if (!isRecord(value) || value['type'] !== 'Uint8Array' || !Array.isArray(value['data']))
    return value
  return new Uint8Array(value['data'] as number[])
}

/** What a classic frame contains if {@link revive} has something to do. */
export const BINARY = '"type":"Uint8Array"'

function compactRequest(id: string, { op, path, args, value }: Request, add: AddCallback) {
  const wrapped = args.map((arg) =>
    typeof arg === 'function'
      ? { [NEXT_ARG]: 'callback', id: add(arg as never) }
      : { [NEXT_ARG]: 'value', v: arg },
  )
  return { t: 'q', id, op, p: path, ...(op === 'set' ? { v: value } : { a: wrapped }) }
}

function classicRequest(id: string, { op, path, args, value }: Request, add: AddCallback) {
  const callbackIds: string[] = []
  const texts = args.map((arg) => {
    if (typeof arg !== 'function') return arg
    const callbackId = add(arg as never)
    callbackIds.push(callbackId)
    return CALLBACK + callbackId
  })
  return {
    id,
    method: path.join('.'),
    args: texts,
    type: CLASSIC_TYPES[op],
    ...(callbackIds.length > 0 ? { callbackIds } : {}),
    ...(op === 'get' || op === 'set' ? { path } : {}),
    ...(op === 'set' ? { value } : {}),
  }
}

function classic(id: string, args: object) {
  return { id, method: '', args, type: 'response' }
}

/** kkrpc recognizes superjson by the first characters, so a plain value may always go without it. */
function write({ era, isSuperjson }: Form, frame: object): string {
  const encoder = new Encoder(null, null)
  const encoded = encoder.encode(frame) as object
  if (isSuperjson && (encoder.isRich || era === 'compact')) {
    return toSuperjson(version(era, encoded, 'superjson'))
  }
  const isBinary = era === 'classic' && encoder.isRich
  return JSON.stringify(version(era, encoded, 'json'), isBinary ? replace : undefined)
}

function version(era: Form['era'], frame: object, name: 'json' | 'superjson'): object {
  return era === 'classic' ? { ...frame, version: name } : frame
}

function replace(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { type: 'Uint8Array', data: Array.from(value) } : value
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A field of a frame that must be a string, as an id. */
export function textOf(value: unknown, field: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  throw new TypeError(`the field ${field} of a frame is no string`)
}
