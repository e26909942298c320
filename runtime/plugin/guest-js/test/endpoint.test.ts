import { RPCChannel, type IoInterface } from 'kkrpc'
import { describe, expect, it } from 'vitest'
import { Endpoint, type EndpointOptions } from '../src/rpc/endpoint.ts'
import { get, remote, set, withCallOptions } from '../src/rpc/remote.ts'
import type { Remote } from '../src/rpc/types.ts'
import { RPCChannel as RPCChannel2 } from './support/compact-kkrpc.ts'

/** A queue of lines in one direction. */
class Pipe {
  readonly lines: string[] = []
  receive: ((line: string) => void) | null = null

  send = (line: string) => {
    this.lines.push(line)
    queueMicrotask(() => this.receive?.(line))
  }
}

interface Side {
  endpoint: Endpoint
  sent: string[]
}

function endpointOn(from: Pipe, to: Pipe, options: Omit<EndpointOptions, 'send'>): Side {
  const endpoint = new Endpoint({ ...options, send: to.send })
  from.receive = (line) => endpoint.receive(line)
  return { endpoint, sent: to.lines }
}

/** kkrpc 0.2.2 on a pair of pipes. */
function kkrpcOn(from: Pipe, to: Pipe, expose: object, version: 'json' | 'superjson') {
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

const api = {
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

type Api = Omit<typeof api, 'Point'> & { Point: new (x: number) => { x: number } }

function pair(offered: object = {}) {
  const [up, down] = [new Pipe(), new Pipe()]
  const backend = endpointOn(up, down, { api })
  const page = endpointOn(down, up, { api: offered })
  page.endpoint.greet()
  const calls = remote<Api>((request, options) => page.endpoint.call(request, options))
  return { page, backend, calls, up, down }
}

const turn = () => new Promise((resolve) => setTimeout(resolve))

async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Values that JSON does not keep. */
const rich = {
  date: new Date(5),
  map: new Map<unknown, unknown>([[1, { a: new Set([2]) }]]),
  nothing: undefined,
  list: [undefined, NaN, -0],
  big: 10n,
}

describe('two endpoints', () => {
  it('call functions, nested ones and constructors', async () => {
    const { calls } = pair()
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.addLater(2, 3)).toBe(5)
    expect(await calls.nested.deep.double(4)).toBe(8)
    const Point = calls.Point as unknown as new (x: number) => Promise<{ x: number }>
    expect(await new Point(7)).toEqual({ x: 7 })
  })

  it('read and set properties', async () => {
    const { calls } = pair()
    expect(await get(calls.version)).toBe(3)
    await set(calls.settings.theme, 'dark')
    expect(api.settings.theme).toBe('dark')
    await expect(set(calls.settings.theme, 'light')).resolves.toBeUndefined()
  })

  it('carry values that JSON does not keep', async () => {
    const { calls } = pair()
    expect(await calls.echo(rich)).toEqual(rich)
    expect(await calls.echo({ $: 'function', id: 'x' })).toEqual({ $: 'function', id: 'x' })
    expect(await calls.echo(undefined)).toBeUndefined()
  })

  it('carry binary data as base64', async () => {
    const { calls, up } = pair()
    await turn()
    const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256)
    expect(await calls.echo(bytes)).toEqual(bytes)
    const line = up.lines.find((sent) => sent.includes('bytes'))!
    expect(line.length).toBeLessThan(bytes.length * 1.4)
    expect(await calls.echo({ floats: new Float64Array([0.5, -1]) })).toEqual({
      floats: new Float64Array([0.5, -1]),
    })
    const buffer = (await calls.echo(new Uint8Array([1, 2]).buffer)) as ArrayBuffer
    expect([...new Uint8Array(buffer)]).toEqual([1, 2])
    const part = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)
    expect(await calls.echo(part)).toEqual(new Uint8Array([2, 3]))
  })

  it('carry errors with name, message, stack, cause and own fields', async () => {
    const { calls } = pair()
    await expect(calls.fail()).rejects.toMatchObject({
      name: 'TypeError',
      message: 'no',
      code: 'E_NO',
      stack: expect.stringContaining('endpoint.test.ts') as string,
      cause: { message: 'inner' },
    })
  })

  it('refuse members that every object has', async () => {
    const { page } = pair()
    for (const path of [
      ['Point', 'prototype', 'double'],
      ['list', 'push'],
      ['constructor'],
      ['add', 'call'],
      ['nested', '__proto__', 'x'],
      ['toString'],
    ]) {
      const call = page.endpoint.call({ op: 'call', path, args: [] })
      await expect(call).rejects.toThrow(/is not a function|not found/)
    }
    const setting = page.endpoint.call({ op: 'set', path: ['__proto__'], args: [], value: {} })
    await expect(setting).rejects.toThrow('cannot be set')
    const replacing = page.endpoint.call({ op: 'set', path: ['add'], args: [], value: 5 })
    await expect(replacing).rejects.toThrow('cannot be set')
  })

  it('call callbacks in order, before the answer', async () => {
    const { calls } = pair()
    const ticks: number[] = []
    expect(await calls.count(3, (tick) => ticks.push(tick))).toBe(3)
    expect(ticks).toEqual([1, 2, 3])
  })

  it('stream results and arguments', async () => {
    const { calls } = pair()
    const rows = await calls.rows(2_000)
    expect(await collected(rows)).toEqual(Array.from({ length: 2_000 }, (_, row) => row))
    expect(await calls.sum(api.rows(100))).toBe(4950)
  })

  it('slow a producer down that the consumer does not keep up with', async () => {
    let produced = 0
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, {
      api: {
        async *endless() {
          for (;;) yield produced++
        },
      },
    })
    const page = endpointOn(down, up, {})
    page.endpoint.greet()
    const calls = remote<{ endless(): AsyncIterable<number> }>((request, options) =>
      page.endpoint.call(request, options),
    )
    const iterator = (await calls.endless())[Symbol.asyncIterator]()
    expect(await iterator.next()).toEqual({ done: false, value: 0 })
    for (let turns = 0; turns < 20; turns++) await turn()
    expect(produced).toBeLessThan(100)
    await iterator.return?.()
  })

  it('end a producer when the consumer leaves the loop', async () => {
    let isOver = false
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, {
      api: {
        async *endless() {
          try {
            for (let row = 0; ; row++) yield row
          } finally {
            isOver = true
          }
        },
      },
    })
    const page = endpointOn(down, up, {})
    page.endpoint.greet()
    const calls = remote<{ endless(): AsyncIterable<number> }>((request, options) =>
      page.endpoint.call(request, options),
    )
    for await (const row of await calls.endless()) if (row === 5) break
    for (let turns = 0; turns < 50 && !isOver; turns++) await turn()
    expect(isOver).toBe(true)
  })

  it('end a stream with the error of its producer', async () => {
    const { calls } = pair()
    const broken = async function* () {
      yield 1
      throw new RangeError('broken')
    }
    await expect(calls.sum(broken())).rejects.toMatchObject({
      name: 'RangeError',
      message: 'broken',
    })
  })

  it('abort with the reason of the caller', async () => {
    const { calls } = pair()
    const controller = new AbortController()
    const call = calls.waitFor(controller.signal)
    setTimeout(() => controller.abort(new Error('stop')))
    await expect(call).rejects.toThrow('stop')
    await expect(calls.waitFor(AbortSignal.abort(new Error('late')))).rejects.toThrow('late')
  })

  it('fail a call that takes too long, or that is cancelled', async () => {
    const { calls } = pair()
    const never = new AbortController().signal
    const slow = withCallOptions(calls, { timeout: 5 }).waitFor(never)
    await expect(slow).rejects.toMatchObject({ kind: 'timeout' })
    const controller = new AbortController()
    const cancelled = withCallOptions(calls, { signal: controller.signal }).waitFor(never)
    controller.abort(new Error('changed my mind'))
    await expect(cancelled).rejects.toThrow('changed my mind')
  })

  it('end what a peer has asked for when it goes', async () => {
    const { calls, backend, page } = pair()
    await turn()
    let reason: unknown
    const signal = new AbortController().signal
    void calls.waitFor(signal).catch((error: unknown) => (reason = error))
    const iterator = (await calls.rows(1e9))[Symbol.asyncIterator]()
    await iterator.next()
    backend.endpoint.receive(JSON.stringify({ t: 'bye', id: page.endpoint.id }))
    await turn()
    expect(reason).toMatchObject({ message: 'the other side of the connection has gone' })
  })

  it('release the stream of an answer that comes too late', async () => {
    let isOver = false
    const [up, down] = [new Pipe(), new Pipe()]
    let answer: () => void = () => {}
    endpointOn(up, down, {
      api: {
        later: () =>
          new Promise((resolve) => {
            answer = () =>
              resolve({
                [Symbol.asyncIterator]: () => ({
                  next: () => new Promise(() => {}),
                  return: () => (isOver = true),
                }),
              })
          }),
      },
    })
    const page = endpointOn(down, up, {})
    page.endpoint.greet()
    await turn()
    const call = page.endpoint.call({ op: 'call', path: ['later'], args: [] }, { timeout: 5 })
    await expect(call).rejects.toMatchObject({ kind: 'timeout' })
    answer()
    await turn()
    await turn()
    expect(down.lines.at(-1)).toContain('stream')
    expect(up.lines.at(-1)).toContain('return')
    expect(isOver).toBe(false)
  })

  it('keep what a peer has asked for when it greets again', async () => {
    const { calls, page, backend } = pair({ title: () => 'one' })
    await turn()
    let reason: unknown
    void calls.waitFor(new AbortController().signal).catch((error: unknown) => (reason = error))
    page.endpoint.expose({ other: () => 'two' })
    await turn()
    expect(await backend.endpoint.call({ op: 'call', path: ['other'], args: [] })).toBe('two')
    backend.endpoint.receive(JSON.stringify({ t: 'bye', id: page.endpoint.id }))
    await turn()
    expect(reason).toBeDefined()
  })

  it('fail pending and later calls when the connection ends', async () => {
    const { calls, page } = pair()
    const call = calls.waitFor(new AbortController().signal)
    const error = new Error('process "math" exited with code 1')
    page.endpoint.close(error)
    await expect(call).rejects.toBe(error)
    await expect(calls.add(1, 2)).rejects.toBe(error)
  })

  it('ignore lines that are not frames', () => {
    const { page } = pair()
    for (const line of [
      '',
      'text',
      '{',
      '{}',
      '{"t":1}',
      '[]',
      '{"json":null}',
      '{"type":5}',
      '{"t":"zz"}',
    ]) {
      page.endpoint.receive(line)
    }
  })
})

describe('an endpoint', () => {
  function answering(offered: object = api) {
    const answers: Record<string, unknown>[] = []
    const endpoint = new Endpoint({
      api: offered,
      send: (line) => void answers.push(JSON.parse(line) as Record<string, unknown>),
    })
    return { endpoint, answers }
  }

  it.each([
    { t: 'q', js: 1, id: 'x', p: ['$hello'], a: [] },
    { t: 'q', js: 1, id: 'x', method: 'm', op: 'call', p: ['echo'], a: 5 },
    { t: 'q', js: 1, id: 'x', op: 'call', p: [{ toString: 1 }], a: [] },
    { t: 'q', js: 1, id: 'x', op: 'call', p: ['echo'], a: [{ $: 'zz' }], x: 1 },
    { t: 'q', js: 1, id: 'x', op: 'call', p: ['echo'], a: [{ $: 'object', value: null }], x: 1 },
    {
      t: 'q',
      js: 1,
      id: 'x',
      op: 'call',
      p: ['echo'],
      a: [{ $: 'bytes', type: 'Uint8Array', data: '%' }],
      x: 1,
    },
    {
      t: 'q',
      js: 1,
      id: 'x',
      op: 'call',
      p: ['echo'],
      a: [{ $: 'bytes', type: 'Float64Array', data: 'AAAA' }],
      x: 1,
    },
    { t: 'r', id: { toString: 1, valueOf: 1 } },
    { t: 'ab', sid: 5, e: 'x' },
    { json: {}, meta: { values: ['undefined'] } },
    { json: { a: 1 }, meta: { values: { '__proto__.x': ['Date'] } } },
    {
      id: '1',
      type: 'request',
      method: 'echo',
      args: [{ type: 'Uint8Array', data: [{ toString: 1, valueOf: 1 }] }],
    },
  ])('survives the malformed frame %j', async (frame) => {
    const { endpoint, answers } = answering()
    endpoint.receive(JSON.stringify(frame))
    endpoint.receive(
      `{"t":"q","js":1,"id":"x","op":"call","p":["echo"],"a":${'['.repeat(50_000)}${']'.repeat(50_000)},"x":1}`,
    )
    endpoint.receive(JSON.stringify({ t: 'q', js: 1, id: 'y', op: 'call', p: ['add'], a: [1, 2] }))
    await turn()
    expect(answers.at(-1)).toEqual({ t: 'r', js: 1, id: 'y', v: 3 })
  })

  it('answers with an error that has functions, cycles or getters', async () => {
    const config: Record<string, unknown> = { f() {} }
    config['self'] = config
    const fail = () => {
      throw Object.assign(new Error('x'), { config, code: 'E' })
    }
    const { endpoint, answers } = answering({ fail, failLater: async () => fail() })
    for (const name of ['fail', 'failLater']) {
      endpoint.receive(JSON.stringify({ t: 'q', id: name, op: 'call', p: [name], a: [] }))
      endpoint.receive(
        JSON.stringify({ t: 'q', js: 1, id: `own ${name}`, op: 'call', p: [name], a: [] }),
      )
    }
    await turn()
    expect(answers).toHaveLength(4)
    for (const { e } of answers) expect(e).toMatchObject({ m: 'x', code: 'E' })
  })

  it('keeps order and values of calls that wait for the answer to its greeting', async () => {
    const seen: unknown[] = []
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, { api: { log: (value: unknown) => void seen.push(value) } })
    const { endpoint } = endpointOn(down, up, {})
    endpoint.greet()
    const calls = remote<{ log(value: unknown): void }>((request, options) =>
      endpoint.call(request, options),
    )
    const bytes = new Uint8Array([1, 2])
    const logged = [calls.log('first'), calls.log(bytes), calls.log('third')]
    bytes.fill(9)
    await Promise.all(logged)
    expect(seen).toEqual(['first', new Uint8Array([1, 2]), 'third'])
  })

  it('ends a call that waits for the answer to its greeting', async () => {
    const sent: string[] = []
    const endpoint = new Endpoint({ send: (line) => void sent.push(line) })
    endpoint.greet()
    const calls = remote<{ f(value: unknown): Promise<void> }>((request, options) =>
      endpoint.call(request, options),
    )
    const slow = withCallOptions(calls, { timeout: 5 }).f(new Date())
    await expect(slow).rejects.toMatchObject({ kind: 'timeout' })
    const controller = new AbortController()
    const cancelled = withCallOptions(calls, { signal: controller.signal }).f(new Date())
    await turn()
    controller.abort(new Error('stop'))
    await expect(cancelled).rejects.toThrow('stop')
    endpoint.receive(
      JSON.stringify({ t: 'r', js: 1, id: (JSON.parse(sent[0]!) as { id: string }).id }),
    )
    expect(sent).toHaveLength(1)
  })

  it('calls a page of kkrpc with rich values', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    const backend = endpointOn(up, down, { api: {} })
    kkrpcOn(down, up, { echo: (value: unknown) => value }, 'superjson')
    const calls = remote<{ echo<Value>(value: Value): Promise<Value> }>((request, options) =>
      backend.endpoint.call(request, options),
    )
    expect(await calls.echo(rich)).toEqual(rich)
  })

  it('rejects values that cannot be sent instead of never answering', async () => {
    const { calls } = pair()
    await turn()
    await expect(calls.echo(Symbol('s'))).rejects.toThrow('symbol')
    expect(await calls.echo([1, undefined, 2])).toEqual([1, undefined, 2])
    expect(await calls.echo(new Date(NaN))).toBeDefined()
  })

  it('serves more concurrent reads of a stream than its window', async () => {
    const { calls } = pair()
    const iterator = (await calls.rows(100))[Symbol.asyncIterator]()
    const reads = await Promise.all(Array.from({ length: 100 }, () => iterator.next()))
    expect(reads.map(({ value }) => value as number)).toEqual(
      Array.from({ length: 100 }, (_, row) => row),
    )
  })

  it('sends large items of a stream in frames of their own, and all items before one that cannot be sent', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, {
      api: {
        async *large() {
          for (let item = 0; item < 20; item++) yield 'x'.repeat(300_000)
        },
        async *mixed() {
          yield 1
          yield new Date(5)
          yield { map: new Map([[1, 2]]) }
          yield 4
          yield Symbol('s')
        },
      },
    })
    const { endpoint } = endpointOn(down, up, {})
    endpoint.greet()
    const calls = remote<{ large(): AsyncIterable<string>; mixed(): AsyncIterable<unknown> }>(
      (request, options) => endpoint.call(request, options),
    )
    expect(await collected(await calls.large())).toHaveLength(20)
    for (const line of down.lines) expect(line.length).toBeLessThan(600_000)
    const items: unknown[] = []
    const read = async () => {
      for await (const item of await calls.mixed()) items.push(item)
    }
    await expect(read()).rejects.toThrow('symbol')
    expect(items).toEqual([1, new Date(5), { map: new Map([[1, 2]]) }, 4])
  })

  it('streams a hand-written async iterable', async () => {
    const { calls } = pair()
    const numbers = {
      async *[Symbol.asyncIterator]() {
        yield 1
        yield 2
      },
    }
    expect(await calls.sum(numbers)).toBe(3)
  })

  it('finishes when its own calls have returned, and refuses later ones', async () => {
    let done: (value: string) => void = () => {}
    const { endpoint, answers } = answering({
      work: () => new Promise((resolve) => (done = resolve)),
    })
    endpoint.receive(JSON.stringify({ t: 'q', js: 1, id: 'y', op: 'call', p: ['work'], a: [] }))
    const finished = endpoint.finish(new Error('stdin has ended'))
    const later = endpoint.call({ op: 'call', path: ['ask'], args: [] })
    await expect(later).rejects.toThrow('stdin has ended')
    done('result')
    await finished
    expect(answers).toEqual([{ t: 'r', js: 1, id: 'y', v: 'result' }])
  })
})

describe.each(['superjson', 'json'] as const)('kkrpc 0.2.2 with %s', (version) => {
  it('calls an endpoint', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, { api })
    const calls = kkrpcOn(down, up, {}, version).getAPI() as unknown as Remote<Api>
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.nested.deep.double(4)).toBe(8)
    expect(await calls.echo({ text: 'ü\n' })).toEqual({ text: 'ü\n' })
    expect(await calls.echo(new Uint8Array([1, 255]))).toEqual(new Uint8Array([1, 255]))
    if (version === 'superjson') expect(await calls.echo(rich)).toEqual(rich)
    await expect(calls.fail()).rejects.toThrow('no')
    await expect((calls as unknown as { none(): Promise<void> }).none()).rejects.toThrow(
      'none is not a function',
    )
    const ticks: number[] = []
    await calls.count(3, (tick) => ticks.push(tick))
    expect(ticks).toEqual([1, 2, 3])
    await expect(calls.rows(3)).rejects.toThrow('cannot be sent to this peer')
  })

  it('is called by an endpoint', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    kkrpcOn(up, down, api, version)
    const page = endpointOn(down, up, {})
    page.endpoint.greet()
    const calls = remote<Api>((request, options) => page.endpoint.call(request, options))
    // The first call goes out before the peer is known.
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.nested.deep.double(4)).toBe(8)
    expect(await calls.echo(new Uint8Array([1, 255]))).toEqual(new Uint8Array([1, 255]))
    if (version === 'superjson') expect(await calls.echo(rich)).toEqual(rich)
    await expect(calls.fail()).rejects.toThrow('no')
    const ticks: number[] = []
    await calls.count(3, (tick) => ticks.push(tick))
    await turn()
    expect(ticks).toEqual([1, 2, 3])
    await expect(calls.sum(api.rows(3))).rejects.toThrow('cannot be sent to this peer')
  })
})

/** A channel of kkrpc from 1.0 on, whose transport writes JSON lines. */
function compactOn(from: Pipe, to: Pipe, expose: object) {
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

describe('kkrpc from 1.0 on', () => {
  it('calls an endpoint', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, { api })
    const calls = compactOn(down, up, {}).getAPI() as Remote<Api>
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.echo({ text: 'ü\n' })).toEqual({ text: 'ü\n' })
    await expect(calls.fail()).rejects.toMatchObject({
      name: 'TypeError',
      message: 'no',
      code: 'E_NO',
    })
    const ticks: number[] = []
    await calls.count(3, (tick) => ticks.push(tick))
    expect(ticks).toEqual([1, 2, 3])
  })

  it('is called by an endpoint', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    compactOn(up, down, api)
    const page = endpointOn(down, up, {})
    page.endpoint.greet()
    const calls = remote<Api>((request, options) => page.endpoint.call(request, options))
    expect(await calls.add(2, 3)).toBe(5)
    expect(await calls.echo({ text: 'ü' })).toEqual({ text: 'ü' })
    await expect(calls.fail()).rejects.toMatchObject({ name: 'TypeError', message: 'no' })
    const ticks: number[] = []
    await calls.count(3, (tick) => ticks.push(tick))
    await turn()
    expect(ticks).toEqual([1, 2, 3])
  })

  it('reads and sets properties of an endpoint, and constructs', () => {
    const answers: unknown[] = []
    const endpoint = new Endpoint({ api, send: (line) => void answers.push(JSON.parse(line)) })
    const requests = [
      { t: 'q', id: '1', op: 'get', p: ['version'] },
      {
        t: 'q',
        id: '2',
        op: 'set',
        p: ['settings', 'theme'],
        v: { __kkrpc_next_arg__: 'value', v: 'blue' },
      },
      { t: 'q', id: '3', op: 'new', p: ['Point'], a: [{ __kkrpc_next_arg__: 'value', v: 4 }] },
      { t: 'q', id: '4', op: 'call', p: ['add'], a: [1, 2] },
    ]
    for (const request of requests) endpoint.receive(JSON.stringify(request))
    expect(answers).toEqual([
      { t: 'r', id: '1', v: 3 },
      { t: 'r', id: '2', v: true },
      { t: 'r', id: '3', v: { x: 4 } },
      { t: 'r', id: '4', v: 3 },
    ])
    expect(api.settings.theme).toBe('blue')
  })
})

describe('a backend with several windows', () => {
  function connected(...windows: object[]) {
    const up = new Pipe()
    const answered: string[] = []
    const pages: Endpoint[] = []
    const backend = new Endpoint({
      api: {},
      send: (line) => queueMicrotask(() => pages.forEach((page) => page.receive(line))),
    })
    up.receive = (line) => backend.receive(line)
    const claims = new Set<string>()
    windows.forEach((offered, index) => {
      const page = new Endpoint({
        api: offered,
        send: (line) => {
          if (line.includes('"t":"r"')) answered.push(`window ${index}`)
          up.send(line)
        },
        claim: (id) => Promise.resolve(claims.has(id) ? false : !!claims.add(id)),
      })
      pages.push(page)
    })
    return { backend, pages, answered }
  }

  const ask = (backend: Endpoint, name: string) =>
    backend.call({ op: 'call', path: [name], args: [] })

  it('is answered once, by the window that connected last among those that offer the function', async () => {
    const { backend, pages, answered } = connected(
      { title: () => 'first', only: () => 'here' },
      { title: () => 'second' },
    )
    for (const page of pages) page.greet()
    await turn()
    expect(await ask(backend, 'title')).toBe('second')
    expect(await ask(backend, 'only')).toBe('here')
    expect(answered).toEqual(['window 1', 'window 0'])
    backend.forget(pages[1]!.id)
    expect(await ask(backend, 'title')).toBe('first')
  })

  it('is answered once before any window has greeted', async () => {
    const { backend, answered } = connected({ title: () => 'first' }, { title: () => 'second' })
    expect(await ask(backend, 'title')).toBe('first')
    await turn()
    expect(answered).toEqual(['window 0'])
  })

  it('hears once that no window offers a function', async () => {
    const { backend, answered } = connected({ title: () => 1 }, { title: () => 2 })
    await expect(ask(backend, 'none')).rejects.toThrow('none is not a function')
    await turn()
    expect(answered).toHaveLength(1)
  })
})
