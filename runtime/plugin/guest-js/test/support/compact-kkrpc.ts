/** A minimal kkrpc 1.0: its exports, and a channel over a transport. */
import type { RpcTransport } from '../../src/index.ts'

/** The interface of kkrpc 2.1. */
export interface Transport<Message> {
  capabilities?: { objectMode?: boolean; transfer?: boolean; broadcast?: boolean }
  send(message: Message, transfers?: Transferable[]): void | Promise<void>
  subscribe(listener: (message: Message) => void): () => void
  close?(): void
  onClose?(listener: (reason?: Error) => void): () => void
}

interface RpcMessage {
  t: 'q' | 'r' | 'cb'
  id: string
  op?: string
  p?: string[]
  a?: Argument[]
  v?: unknown
  e?: { n: string; m: string; [more: string]: unknown }
}

interface Argument {
  __kkrpc_next_arg__: 'value' | 'callback'
  v?: unknown
  id?: string
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

type Api = Record<string, (...args: unknown[]) => unknown>

/** Checks at compile time that {@link RpcTransport} matches kkrpc's interface. */
const asTransport = (transport: RpcTransport): Transport<RpcMessage> => transport

export class RPCChannel {
  readonly #transport: Transport<RpcMessage>
  readonly #api: Api | undefined
  readonly #pending = new Map<string, Pending>()
  readonly #callbacks = new Map<string, (...args: unknown[]) => unknown>()
  #nextId = 0
  #closed: Error | null = null

  constructor(transport: RpcTransport, { expose }: { expose?: object } = {}) {
    this.#transport = asTransport(transport)
    this.#api = expose as Api | undefined
    this.#transport.subscribe((message) => void this.#handle(message))
    this.#transport.onClose?.((reason) => this.#fail(closedError(reason)))
  }

  getAPI(): unknown {
    return new Proxy(
      {},
      {
        get: (_, name) =>
          name === 'then' ? undefined : (...args: unknown[]) => this.#call(String(name), args),
      },
    )
  }

  destroy(): void {
    this.#fail(new Error('RPC channel destroyed'))
    this.#transport.close?.()
  }

  #fail(error: Error): void {
    this.#closed = error
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }

  #call(method: string, args: unknown[]): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed)
    const id = `call-${this.#nextId++}`
    const a = args.map((arg): Argument => {
      if (typeof arg !== 'function') return { __kkrpc_next_arg__: 'value', v: arg }
      const callback = `callback-${this.#nextId++}`
      this.#callbacks.set(callback, arg as () => unknown)
      return { __kkrpc_next_arg__: 'callback', id: callback }
    })
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      const sent = this.#transport.send({ t: 'q', id, op: 'call', p: [method], a })
      if (sent instanceof Promise) sent.catch((error: Error) => this.#settle(id)?.reject(error))
    })
  }

  async #handle({ t, id, p, a, v, e }: RpcMessage): Promise<void> {
    const args = (a ?? []).map((argument) => {
      if (argument.__kkrpc_next_arg__ !== 'callback') return argument.v
      return (...given: unknown[]) => {
        const a = given.map((v): Argument => ({ __kkrpc_next_arg__: 'value', v }))
        void this.#transport.send({ t: 'cb', id: argument.id!, a })
      }
    })
    if (t === 'cb') this.#callbacks.get(id)?.(...args)
    if (t === 'r' && e) this.#settle(id)?.reject(errorOf(e))
    else if (t === 'r') this.#settle(id)?.resolve(v)
    if (t === 'q') await this.#answer(id, p ?? [], args)
  }

  async #answer(id: string, path: string[], args: unknown[]): Promise<void> {
    try {
      let method: unknown = this.#api
      for (const key of path) method = (method as Record<string, unknown>)[key]
      await this.#transport.send({ t: 'r', id, v: await (method as Api[string])(...args) })
    } catch (thrown) {
      const { name, message, ...more } = thrown as Error
      await this.#transport.send({ t: 'r', id, e: { n: name, m: message, ...more } })
    }
  }

  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    return pending
  }
}

function errorOf({ n, m, ...more }: { n: string; m: string }): Error {
  return Object.assign(new Error(m), { name: n }, more)
}

function closedError(reason?: Error): Error {
  return new Error(reason ? `RPC transport closed: ${reason.message}` : 'RPC transport closed')
}

export const wrap = (transport: RpcTransport) => new RPCChannel(transport).getAPI()
export const expose = (api: object, transport: RpcTransport) =>
  new RPCChannel(transport, { expose: api })
