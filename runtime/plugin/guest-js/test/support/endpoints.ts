/** Endpoints and channels of kkrpc on pipes in memory. */
import { RPCChannel, type IoInterface } from 'kkrpc'
import { Endpoint, type EndpointOptions } from '../../src/rpc/endpoint.ts'
import { remote } from '../../src/rpc/remote.ts'
import { RPCChannel as RPCChannel2 } from './compact-kkrpc.ts'

/** A queue of lines in one direction. */
export class Pipe {
  readonly lines: string[] = []
  receive: ((line: string) => void) | null = null

  send = (line: string) => {
    this.lines.push(line)
    queueMicrotask(() => this.receive?.(line))
  }
}

export interface Side {
  endpoint: Endpoint
  sent: string[]
}

export function endpointOn(from: Pipe, to: Pipe, options: Omit<EndpointOptions, 'send'>): Side {
  const endpoint = new Endpoint({ ...options, send: to.send })
  from.receive = (line) => endpoint.receive(line)
  return { endpoint, sent: to.lines }
}

/** kkrpc 0.2.2 on a pair of pipes. */
export function kkrpcOn(from: Pipe, to: Pipe, expose: object, version: 'json' | 'superjson') {
  const waiting: string[] = []
  let wake: ((line: string) => void) | null = null
  from.receive = (line) => {
    if (wake) wake(`${line}\n`)
    else waiting.push(`${line}\n`)
    wake = null
  }
  const io: IoInterface = {
    name: 'test',
    read: () => {
      const line = waiting.shift()
      return line === undefined ? new Promise((resolve) => (wake = resolve)) : Promise.resolve(line)
    },
    write: (frame) => Promise.resolve(to.send(frame.trimEnd())),
  }
  return new RPCChannel<Record<string, unknown>, Record<string, never>>(io, {
    expose: expose as Record<string, unknown>,
    serialization: { version },
  })
}

/** An API with members of every kind. */
export const api = {
  version: 3,
  settings: { theme: 'light' },
  list: [1],
  add: (a: number, b: number) => a + b,
  addLater: async (a: number, b: number) => a + b,
  echo: (value: unknown) => value,
  nested: { deep: { double: (n: number) => 2 * n } },
  fail: () => {
    throw Object.assign(new TypeError('no', { cause: new Error('inner') }), { code: 'E_NO' })
  },
  count: async (n: number, onTick: (tick: number) => void) => {
    for (let tick = 1; tick <= n; tick++) onTick(tick)
    return n
  },
  async *rows(n: number) {
    for (let row = 0; row < n; row++) yield row
  },
  async sum(numbers: AsyncIterable<number>) {
    let sum = 0
    for await (const number of numbers) sum += number
    return sum
  },
  waitFor: (signal: AbortSignal) =>
    new Promise((_resolve, reject) => {
      if (signal.aborted) reject(signal.reason as Error)
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    }),
  Point: class {
    readonly x: number
    constructor(x: number) {
      this.x = x
    }
  },
}

export type Api = Omit<typeof api, 'Point'> & { Point: new (x: number) => { x: number } }

/** A page and a backend that serves {@link api}. */
export function pair(offered: object = {}) {
  const [up, down] = [new Pipe(), new Pipe()]
  const backend = endpointOn(up, down, { api })
  const page = endpointOn(down, up, { api: offered })
  page.endpoint.greet()
  const calls = remote<Api>((request, options) => page.endpoint.call(request, options))
  return { page, backend, calls, up, down }
}

export const turn = () => new Promise((resolve) => setTimeout(resolve))

export async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Values that JSON does not keep. */
export const rich = {
  date: new Date(5),
  map: new Map<unknown, unknown>([[1, { a: new Set([2]) }]]),
  nothing: undefined,
  list: [undefined, NaN, -0],
  big: 10n,
}

/** A channel of kkrpc from 1.0 on, whose transport writes JSON lines. */
export function compactOn(from: Pipe, to: Pipe, expose: object) {
  return new RPCChannel2(
    {
      capabilities: { objectMode: false, transfer: false, broadcast: true },
      send: (message) => Promise.resolve(to.send(JSON.stringify(message))),
      subscribe(listener) {
        from.receive = (line) => listener(JSON.parse(line))
        return () => (from.receive = null)
      },
      close: () => {},
      onClose: () => () => {},
    },
    { expose },
  )
}
