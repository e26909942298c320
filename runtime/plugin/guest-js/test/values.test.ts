// Values between two endpoints, and between an endpoint and kkrpc.
import { describe, expect, it } from 'vitest'
import { Endpoint } from '../src/rpc/endpoint.ts'
import { remote } from '../src/rpc/remote.ts'
import { Pipe, kkrpcOn, endpointOn, pair, turn } from './support/endpoints.ts'

class Person {
  readonly born = new Date(5)
  readonly friends = new Map([['a', new Set([1n])]])
  readonly greet = (name: string) => void this.greeted.push(name)
  greeted: string[] = []
  get age() {
    return 1
  }
}

const echo = async (value: unknown) => {
  const { calls } = pair()
  return calls.echo(value)
}

describe('values between two endpoints', () => {
  it.each([
    ['numbers', [NaN, Infinity, -Infinity, -0, 0]],
    ['nothing', [undefined, null, { a: undefined }]],
    ['an array with holes', sparse(), [undefined, 1, undefined, 2]],
    ['arrays with holes', [sparse()], [[undefined, 1, undefined, 2]]],
    ['dates', [new Date(5), new Date(NaN)]],
    ['maps', new Map<unknown, unknown>([[{ a: 1n }, new Map([[1, new Date(1)]])]])],
    ['sets', new Set([new Set([undefined])])],
    ['binary data in a map', new Map([['a', new Uint8Array([1, 255])]])],
    ['a regular expression', /a\/b/giu],
    ['a URL', new URL('https://example.com/a?b#c')],
    ['keys of the language', JSON.parse('{"__proto__":{"a":1},"constructor":"x"}') as object],
    ['keys with dots', { 'a.b': new Date(0), 'c\\.d': undefined }],
    [
      'objects like placeholders',
      [
        { $: 'stream', id: 'q', d: new Date(1) },
        { $: 1, a: undefined },
      ],
    ],
    ['a big integer', 2n ** 200n],
  ])('keep %s', async (_name, value: unknown, received: unknown = value) => {
    expect(await echo(value)).toStrictEqual(received)
  })

  it('keep keys of the language beside values that JSON does not keep', async () => {
    const value = JSON.parse('{"__proto__":{"a":1},"constructor":"x"}') as Record<string, unknown>
    value['d'] = new Date(0)
    const received = (await echo(value)) as Record<string, unknown>
    expect(Object.getPrototypeOf(received)).toBe(Object.prototype)
    expect(Object.entries(received)).toEqual(Object.entries(value))
  })

  it('carry an instance as its own fields, and its functions as functions', async () => {
    const person = new Person()
    const received = (await echo(person)) as Person
    expect(Object.keys(received)).toEqual(['born', 'friends', 'greet', 'greeted'])
    expect([received.born, received.friends]).toEqual([person.born, person.friends])
    received.greet('you')
    for (let turns = 0; turns < 5; turns++) await turn()
    expect(person.greeted).toEqual(['you'])
  })

  it('call functions in maps and sets', async () => {
    const heard: unknown[] = []
    const hear = (text: unknown) => void heard.push(text)
    const value = new Map<unknown, unknown>([
      ['f', hear],
      ['s', new Set([hear])],
    ])
    const received = (await echo(value)) as typeof value
    ;(received.get('f') as typeof hear)('map')
    ;[...(received.get('s') as Set<typeof hear>)][0]!('set')
    for (let turns = 0; turns < 5; turns++) await turn()
    expect(heard).toEqual(['map', 'set'])
  })

  it('write objects as their class says', async () => {
    expect(await echo({ toJSON: () => new Date(3) })).toEqual(new Date(3))
    expect(await echo([Object(3), Object('x'), Object(false)])).toEqual([3, 'x', false])
  })

  it('keep errors with their fields, causes and inner errors', async () => {
    const cause = Object.assign(new RangeError('why'), { n: 1, m: 2, s: 3, c: 4, v: 5, f: 6 })
    const error = Object.assign(new TypeError('no', { cause }), { code: 'E', kind: 'x' })
    const many = new AggregateError([error, 'text'], 'many', { cause: { n: 1, m: 2 } })
    const received = (await echo([many])) as [AggregateError]
    expect(received[0]).toBeInstanceOf(AggregateError)
    expect(received[0]).toMatchObject({ name: 'AggregateError', message: 'many' })
    expect(received[0].cause).toEqual({ n: 1, m: 2 })
    const [inner, text] = received[0].errors as [Error, string]
    expect(text).toBe('text')
    expect([inner.name, inner.message, { ...inner }]).toEqual([
      'TypeError',
      'no',
      { code: 'E', kind: 'x' },
    ])
    expect((inner.cause as Error).name).toBe('RangeError')
    expect({ ...(inner.cause as object) }).toEqual({ n: 1, m: 2, s: 3, c: 4, v: 5, f: 6 })
  })

  it.each([
    ['a symbol', Symbol('s'), 'symbol'],
    ['a promise', { later: Promise.resolve(1) }, 'Promise'],
    ['a weak map', new WeakMap(), 'WeakMap'],
    ['shared memory', new SharedArrayBuffer(2), 'SharedArrayBuffer'],
    ['a weak reference', new WeakRef({}), 'WeakRef'],
    ['an iterator', [1].values(), 'Array Iterator'],
    ['a cycle', cycle({}), 'refers to itself'],
    ['a cycle in a map', cycle(new Map()), 'refers to itself'],
  ])('refuse %s', async (_name, value, message) => {
    await expect(echo(value)).rejects.toThrow(message)
  })

  it('carry what was thrown, if it is no error', async () => {
    const throwing = (thrown: unknown) => () => {
      throw thrown
    }
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, {
      api: { text: throwing('text'), object: throwing({ code: 1 }), nothing: throwing(undefined) },
    })
    const { endpoint } = endpointOn(down, up, {})
    endpoint.greet()
    await turn()
    const calls = remote<Record<'text' | 'object' | 'nothing', () => void>>((request, options) =>
      endpoint.call(request, options),
    )
    await expect(calls.text()).rejects.toBe('text')
    await expect(calls.object()).rejects.toEqual({ code: 1 })
    await expect(calls.nothing()).rejects.toThrow('undefined')
  })

  it('abort with a reason that is no error', async () => {
    const { calls } = pair()
    const controller = new AbortController()
    const call = calls.waitFor(controller.signal)
    setTimeout(() => controller.abort({ why: 'late' }))
    await expect(call).rejects.toEqual({ why: 'late' })
    await expect(calls.waitFor(AbortSignal.abort('now'))).rejects.toBe('now')
  })

  it('set a property before the peer is known', async () => {
    const api = { n: 1 }
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, { api })
    const { endpoint } = endpointOn(down, up, {})
    endpoint.greet()
    await endpoint.call({ op: 'set', path: ['n'], args: [], value: 2 })
    expect(api.n).toBe(2)
  })
})

describe('values for kkrpc', () => {
  it.each(['superjson', 'json'] as const)(
    'keep text that looks like a callback (%s)',
    async (version) => {
      const [up, down] = [new Pipe(), new Pipe()]
      endpointOn(up, down, { api: { echo: (value: unknown) => value } })
      const calls = kkrpcOn(down, up, {}, version).getAPI() as unknown as {
        echo(value: unknown): Promise<unknown>
      }
      expect(await calls.echo('__callback__zz')).toBe('__callback__zz')
    },
  )

  it('carry instances and maps in them by superjson', async () => {
    const [up, down] = [new Pipe(), new Pipe()]
    endpointOn(up, down, {
      api: {
        person: () => ({ inner: new Holder({ date: new Date(5) }) }),
        bytes: () => Buffer.from([1, 2]),
        broken: () => new Map([['f', () => {}]]),
        buffer: () => new ArrayBuffer(2),
      },
    })
    const calls = kkrpcOn(down, up, {}, 'superjson').getAPI() as unknown as Record<
      'person' | 'bytes' | 'broken' | 'buffer',
      () => Promise<unknown>
    >
    expect(await calls.person()).toEqual({ inner: { held: { date: new Date(5) } } })
    expect(await calls.bytes()).toEqual(new Uint8Array([1, 2]))
    await expect(calls.broken()).rejects.toThrow('a function cannot be sent to this peer')
    await expect(calls.buffer()).rejects.toThrow('send a Uint8Array')
  })

  it('carry binary data of Node as kkrpc does', () => {
    const answers: string[] = []
    const endpoint = new Endpoint({
      api: { bytes: () => Buffer.from([1, 2]) },
      send: (line) => void answers.push(line),
    })
    endpoint.receive('{"id":"1","method":"bytes","args":[],"type":"request","version":"json"}')
    expect(answers[0]).toContain('{"type":"Uint8Array","data":[1,2]}')
  })
})

class Holder {
  readonly held: unknown
  constructor(held: unknown) {
    this.held = held
  }
}

function sparse(): unknown[] {
  const list: unknown[] = []
  list[1] = 1
  list[3] = 2
  return list
}

function cycle(value: object): object {
  if (value instanceof Map) value.set('self', value)
  else Object.assign(value, { self: value })
  return value
}
