// Frames and values that an endpoint must survive.
import { SuperJSON } from 'superjson'
import { describe, expect, it } from 'vitest'
import { Endpoint } from '../src/rpc/endpoint.ts'
import { remote, withCallOptions } from '../src/rpc/remote.ts'
import { Pipe, api, collected, endpointOn, kkrpcOn, pair, rich, turn } from './support/endpoints.ts'

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
    for (const { e, js } of answers) {
      expect(e).toMatchObject(js === 1 ? { m: 'x', f: { code: 'E' } } : { m: 'x', code: 'E' })
    }
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
    expect(await calls.echo(new Date(NaN))).toEqual(new Date(NaN))
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

  it('refuses annotations of superjson that repeat values without end', async () => {
    const { endpoint, answers } = answering()
    const levels = 40
    const args = Array.from({ length: levels }, () => [0, 0])
    const referentialEqualities: Record<string, string[]> = {}
    for (let level = levels - 1; level > 0; level--) {
      referentialEqualities[`args.0.${level}`] = [`args.0.${level - 1}.0`, `args.0.${level - 1}.1`]
    }
    const json = { id: '1', method: 'echo', args: [args], type: 'request', version: 'superjson' }
    endpoint.receive(JSON.stringify({ json, meta: { referentialEqualities } }))
    await turn()
    expect(answers).toHaveLength(1)
    expect(JSON.stringify(answers[0])).toContain('repeat more values')
  })

  it('keeps values that occur twice in a frame of kkrpc', async () => {
    const { endpoint, answers } = answering({ same: ([a, b]: unknown[]) => a === b })
    const shared = { a: new Date(1) }
    const frame = { id: '1', method: 'same', args: [[shared, shared]], type: 'request' }
    endpoint.receive(SuperJSON.stringify(frame))
    await turn()
    expect(answers[0]).toMatchObject({ args: { result: true } })
  })

  it('does not take annotations of superjson from an endpoint of this package', async () => {
    const { endpoint, answers } = answering()
    const request = { t: 'q', js: 1, id: 'x', op: 'call', p: ['echo'], a: [[1]] }
    endpoint.receive(JSON.stringify({ ...request, m: { values: { '0': [['set']] } } }))
    await turn()
    expect(answers).toEqual([{ t: 'r', js: 1, id: 'x', v: [1] }])
  })

  it('bounds streams and signals that a peer leaves open', async () => {
    const { endpoint, answers } = answering({ keep: () => {}, rows: () => api.rows(1) })
    const request = (name: string, ...a: unknown[]) =>
      endpoint.receive(JSON.stringify({ t: 'q', js: 1, id: 'x', op: 'call', p: [name], a, x: 1 }))
    for (let signal = 0; signal < 65_536; signal++)
      request('keep', { $: 'signal', id: `s${signal}` })
    for (let stream = 0; stream < 65_536; stream++) request('rows')
    expect(answers.every(({ e }) => e === undefined)).toBe(true)
    request('keep', { $: 'signal', id: 's' })
    request('rows')
    expect(answers.slice(-2)).toMatchObject([
      { e: { f: { kind: 'tooMany' } } },
      { e: { f: { kind: 'tooMany' } } },
    ])
    endpoint.receive(JSON.stringify({ t: 'ab', sid: 's0', drop: 1 }))
    request('keep', { $: 'signal', id: 's' })
    expect(answers.at(-1)).not.toHaveProperty('e')
  })

  it('bounds the items that a peer may ask for at once', async () => {
    let produced = 0
    const { endpoint, answers } = answering({
      async *rows() {
        for (;;) yield produced++
      },
    })
    endpoint.receive(JSON.stringify({ t: 'q', js: 1, id: 'x', op: 'call', p: ['rows'], a: [] }))
    const { id } = answers[0]!['v'] as { id: string }
    endpoint.receive(JSON.stringify({ t: 'sq', sid: id, op: 'pull', n: 1e15 }))
    let before = -1
    while (produced !== before) {
      before = produced
      await turn()
    }
    expect(produced).toBe(65_536)
  })

  it('fails a stream with more items than it has asked for', async () => {
    const sent: string[] = []
    const endpoint = new Endpoint({ send: (line) => void sent.push(line) })
    const call = endpoint.call({ op: 'call', path: ['rows'], args: [] })
    const { id } = JSON.parse(sent[0]!) as { id: string }
    endpoint.receive(JSON.stringify({ t: 'r', js: 1, id, v: { $: 'stream', id: 'b.1' }, x: 1 }))
    const iterator = ((await call) as AsyncIterable<number>)[Symbol.asyncIterator]()
    const first = iterator.next()
    endpoint.receive(JSON.stringify({ t: 'sr', sid: 'b.1', b: new Array(100_000).fill(1) }))
    await expect(first).rejects.toMatchObject({ kind: 'overflow' })
    expect(JSON.parse(sent.at(-1)!)).toEqual({ t: 'sq', sid: 'b.1', op: 'return' })
  })

  it('answers with an error whose fields throw', async () => {
    const broken = Object.defineProperty(new Error('x'), 'name', {
      get() {
        throw new Error('getter')
      },
    })
    const { endpoint, answers } = answering({ fail: () => Promise.reject(broken) })
    endpoint.receive(JSON.stringify({ t: 'q', js: 1, id: 'x', op: 'call', p: ['fail'], a: [] }))
    await turn()
    expect(answers[0]).toMatchObject({ e: { m: expect.stringContaining('cannot be sent') } })
  })
})
