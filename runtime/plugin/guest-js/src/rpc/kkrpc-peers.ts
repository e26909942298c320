/** Requests, answers and callbacks of peers that use kkrpc. */
import { fromKkrpcError } from './errors.ts'
import {
  BINARY,
  callbackOf,
  kkrpcCallback,
  kkrpcFailure,
  kkrpcRelease,
  kkrpcResponse,
  readClassic,
  revive,
  textOf,
  valueOf,
  type Form,
  type Request,
} from './kkrpc.ts'
import type { LocalApi } from './local-api.ts'
import type { Peer } from './peers.ts'
import type { PendingCalls } from './pending-calls.ts'

type Frame = Record<string, unknown>
type Callback = (...args: unknown[]) => void

/** The endpoint of this side. */
export interface KkrpcHost {
  readonly main: Peer
  readonly local: LocalApi
  readonly pending: PendingCalls
  send(line: string): void
  newId(): string
  /** Calls a function of this side. */
  callback(id: string, args: (peer: Peer) => unknown[]): void
}

export class KkrpcPeers {
  readonly #host: KkrpcHost
  /** Callbacks of kkrpc, each once: it releases a callback by its id. */
  readonly #callbacks = new Map<string, WeakRef<Callback>>()
  readonly #collected = new FinalizationRegistry<{ id: string; form: Form }>(({ id, form }) => {
    // The same callback may have arrived again.
    if (this.#callbacks.get(id)?.deref()) return
    this.#callbacks.delete(id)
    this.#host.send(kkrpcRelease(form, id))
  })

  constructor(host: KkrpcHost) {
    this.#host = host
  }

  /** Takes a frame of kkrpc before 1.0. */
  classic(type: string, given: Frame, isSuperjson: boolean, line: string): void {
    const frame =
      !isSuperjson && line.includes(BINARY) ? (JSON.parse(line, revive) as Frame) : given
    const id = textOf(frame['id'], 'id')
    const form: Form = { era: 'classic', isSuperjson }
    const { method, args } = frame
    if (type === 'response') return this.#response(id, args, form)
    if (type === 'callback') {
      return this.#host.callback(String(method), () => (Array.isArray(args) ? args : []))
    }
    const request = readClassic(frame)
    if (request) this.#answer(id, request, form, type !== 'request', frame['callbackIds'])
  }

  /** Takes a request of kkrpc from 1.0 on. */
  compact(id: string, path: string[], { op, a, v }: Frame, isSuperjson: boolean): void {
    const request: Request = {
      op: (op ?? 'call') as Request['op'],
      path,
      args: Array.isArray(a) ? a : [],
      value: valueOf(v),
    }
    this.#answer(id, request, { era: 'compact', isSuperjson }, true)
  }

  #response(id: string, args: unknown, form: Form): void {
    const pending = this.#host.pending.take(id)
    if (!pending) return
    pending.peer.settle(form)
    const { result, error } = (args ?? {}) as { result?: unknown; error?: unknown }
    if (error) pending.reject(fromKkrpcError(error))
    else pending.resolve(result)
  }

  #answer(
    id: string,
    request: Request,
    form: Form,
    knowsErrors: boolean,
    callbackIds?: unknown,
  ): void {
    this.#host.main.settle(form)
    const args = request.args.map((arg) => {
      const callbackId = callbackOf(arg, form.era, callbackIds)
      return callbackId === null ? valueOf(arg) : this.#callback(callbackId, form)
    })
    this.#host.local.answer({ ...request, args }, id, false, {
      succeeded: (result) => kkrpcResponse(form, id, result),
      failed: (error) => kkrpcFailure(form, id, error, knowsErrors),
    })
  }

  #callback(id: string, form: Form): Callback {
    const known = this.#callbacks.get(id)?.deref()
    if (known) return known
    const { send, newId } = this.#host
    const callback = (...args: unknown[]) => send(kkrpcCallback(form, newId(), id, args))
    // kkrpc before 1.0 has no frame for the release.
    if (form.era === 'compact') {
      this.#callbacks.set(id, new WeakRef(callback))
      this.#collected.register(callback, { id, form })
    }
    return callback
  }
}
