// kkrpc 0.2.2 on both ends.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeHost } from './support/host.ts'
import { load, rejection, idle, until, type Page } from './support/page.ts'
import type { FakeProcess } from './support/process.ts'
import { serveClassic } from './support/workers.ts'

interface Api {
  add(a: number, b: number): Promise<number>
  echo<T>(value: T): Promise<T>
  never(): Promise<void>
  fail(message: string): Promise<void>
  count(n: number, onTick: (tick: number) => void): Promise<number>
  deep: { er: { name(): Promise<string> } }
}

const served = {
  add: (a: number, b: number) => a + b,
  echo: (value: unknown) => value,
  never: () => new Promise(() => {}),
  fail: (message: string) => {
    throw new Error(message)
  },
  count: (n: number, onTick: (tick: number) => void) => {
    for (let tick = 1; tick <= n; tick++) onTick(tick)
    return n
  },
  deep: { er: { name: () => 'deep' } },
}

let host: FakeHost
let page: Page
let process: FakeProcess

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  page = await load(host)
  process = host.start('p')
  serveClassic(process, served)
})

afterEach(() => vi.restoreAllMocks())

const connect = (timeout?: number) =>
  page.createChannel<object, Api>('p', undefined, timeout ? { timeout } : {})

test('flat, nested and concurrent calls are answered', async () => {
  const { api } = await connect()
  expect(await api.add(1, 2)).toBe(3)
  expect(await api.deep.er.name()).toBe('deep')
  const sums = await Promise.all(Array.from({ length: 1000 }, (_, index) => api.add(index, 1)))
  expect(sums).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1))
  expect(host.bodies.length).toBeLessThan(20)
})

test('a connection is to an announced generation before its events arrive', async () => {
  await page.onExit('p', () => {})
  const deliver = host.restartUndelivered('p')
  await page.ensure('p')
  const connecting = connect()
  await idle()
  deliver()
  const { api } = await connecting
  expect(await api.add(1, 2)).toBe(3)
})

test('a call to an earlier generation never reaches the next one', async () => {
  const { api } = await connect()
  const deliver = host.restartUndelivered('p')
  await page.ensure('p')
  const written = host.bodies.length
  await expect(api.add(1, 2)).rejects.toThrow('generation 1 is over')
  deliver()
  await idle()
  expect(host.bodies.length).toBe(written)
})

test('a connection ends with its generation even if no event of it has arrived', async () => {
  await page.onExit('p', () => {})
  const deliver = host.restartUndelivered('p')
  await page.ensure('p')
  const { api } = await connect()
  const deliverLast = host.restartUndelivered('p')
  const written = host.bodies.length
  const early = rejection(api.add(1, 2))
  deliver()
  deliverLast()
  expect((await early).message).toMatch(/generation 2 is over|was killed/)
  await idle()
  expect((await rejection(api.add(3, 4))).message).toBe('process "p" was killed')
  expect(host.bodies.length).toBe(written)
})

test('the channel has the methods of kkrpc', async () => {
  const { channel } = await connect()
  expect(await (channel.getAPI() as Api).add(2, 2)).toBe(4)
  expect(channel.freeCallbacks).toBeTypeOf('function')
})

test('nested bytes, maps, dates and undefined cross in both directions', async () => {
  const { api } = await connect()
  const value = {
    bytes: new Uint8Array([0, 10, 13, 255]),
    nested: [{ deep: new Uint8Array([1, 2]) }],
    map: new Map([['k', new Set([1n])]]),
    date: new Date(0),
    nothing: undefined,
    text: 'ä\n\u2028🦕',
  }
  expect(await api.echo(value)).toStrictEqual(value)
  expect(await api.echo(new Uint8Array([7]))).toStrictEqual(new Uint8Array([7]))
  expect(await api.echo(undefined)).toBeUndefined()
})

test('an argument that looks like a frame is passed on', async () => {
  const { api } = await connect()
  const tricky = { type: 'callback', json: { id: 'x', type: 'request' }, s: '"type":"request"' }
  expect(await api.echo(tricky)).toEqual(tricky)
  process.exit(1)
  await idle()
})

test('an answer of 1 MiB arrives', async () => {
  const { api } = await connect()
  const text = 'ä"\\'.repeat(350_000)
  process.capacity = 1e9
  expect(await api.echo(text)).toBe(text)
})

test('errors of the backend reject, and callbacks are called', async () => {
  const { api } = await connect()
  expect((await rejection(api.fail('no!'))).message).toBe('no!')
  const ticks: number[] = []
  expect(await api.count(3, (tick) => ticks.push(tick))).toBe(3)
  expect(ticks).toEqual([1, 2, 3])
})

test('a stream of callbacks can be iterated', async () => {
  const { api } = await connect()
  const ticks: number[] = []
  for await (const tick of page.toAsyncIterable<number>((emit) => api.count(4, emit))) {
    ticks.push(tick)
  }
  expect(ticks).toEqual([1, 2, 3, 4])
})

test('a crash rejects pending and later calls', async () => {
  const { api } = await connect()
  const calls = [rejection(api.never()), rejection(api.never())]
  await until(() => process.stdin.includes('never'))
  process.exit(7, { kind: 'error', message: 'TypeError: x', stack: null })
  const late = idle().then(() => new Error('it waits for something else'))
  for (const call of calls) {
    const { message } = await Promise.race([call, late])
    expect(message).toBe('process "p" exited with code 7: TypeError: x')
  }
  const { message } = await Promise.race([rejection(api.add(1, 2)), late])
  expect(message).toContain('exited with code 7')
  host.start('p')
  serveClassic(process, served)
  expect((await rejection(api.add(1, 2))).message).toContain('exited with code 7')
  const next = await connect()
  expect(await next.api.add(1, 2)).toBe(3)
})

test('a channel to an exited process is closed', async () => {
  await page.onStdout('p', () => {})
  process.exit(4)
  await idle()
  const { api } = await connect()
  expect((await rejection(api.add(1, 2))).message).toBe('process "p" exited with code 4')
  expect(host.countOf('write')).toBe(0)
})

test('an answer that arrives before the exit resolves its call', async () => {
  const { api } = await connect()
  const sum = api.add(1, 2)
  const never = rejection(api.never())
  await until(() => process.history.some(({ text }) => text.includes('"result":3')))
  process.exit(0)
  expect(await sum).toBe(3)
  expect((await never).message).toBe('process "p" exited with code 0')
})

test.each([
  [{ kind: 'killed' } as const, null, 'process "p" was killed'],
  [{ kind: 'heapLimit' } as const, 1, 'heapLimit'],
  [{ kind: 'memoryLimit' } as const, null, 'memoryLimit'],
  [{ kind: 'hostShutdown' } as const, null, 'hostShutdown'],
  [{ kind: 'unresponsive' } as const, null, 'unresponsive'],
  [{ kind: 'crashed', message: 'V8 gave up' } as const, null, 'process "p" crashed: V8 gave up'],
])('calls reject with the exit reason %o', async (reason, code, message) => {
  const { api } = await connect()
  const call = rejection(api.never())
  await until(() => process.stdin.includes('never'))
  process.exit(code, reason)
  expect((await call).message).toContain(message)
})

test('an unresponsive process accepts calls and connections', async () => {
  const { api } = await connect()
  process.stopReading()
  const early = api.add(1, 2)
  await idle()
  process.enter({ state: 'unresponsive' })
  const late = (await connect()).api.add(3, 4)
  await idle()
  process.enter({ state: 'running' })
  process.resumeReading()
  expect(await Promise.all([early, late])).toEqual([3, 7])
})

test('removing the process rejects calls', async () => {
  const { api } = await connect()
  const call = rejection(api.never())
  await until(() => process.stdin.includes('never'))
  host.remove('p')
  expect((await call).message).toBe('process "p" was removed')
})

test('a call whose write fails rejects with the reason', async () => {
  const { api } = await connect()
  host.overrides.set('write', () => {
    throw new Error('the write was lost')
  })
  expect((await rejection(api.add(1, 2))).message).toBe('the write was lost')
})

test('an unanswered call times out without affecting others', async () => {
  const { api } = await connect(40)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const call = rejection(api.never())
    const sum = api.add(1, 2)
    await vi.advanceTimersByTimeAsync(39)
    expect(await sum).toBe(3)
    await vi.advanceTimersByTimeAsync(1)
    expect((await call).message).toBe('process "p" did not answer within 40 ms')
  } finally {
    vi.useRealTimers()
  }
})

test('timeouts that timers cannot handle mean no timeout', async () => {
  for (const timeout of [0, -1, Infinity, 2 ** 40, NaN]) {
    const { api, io } = await page.createChannel<object, Api>('p', undefined, { timeout })
    const first = await Promise.race([
      api.never().catch(String),
      idle().then(() => 'still waiting'),
    ])
    expect(first).toBe('still waiting')
    io.destroy()
  }
})

test('a channel to an unknown process rejects', async () => {
  const error = await rejection(page.createChannel('q'))
  expect(error).toMatchObject({ kind: 'notFound', message: 'process not found: q' })
})

test('destroying the io or closing the transport closes the connection, not the process', async () => {
  for (const how of ['io', 'transport'] as const) {
    const { api, io, transport } = await connect()
    const call = rejection(api.never())
    await idle()
    if (how === 'io') io.destroy()
    else transport.close()
    expect((await call).message).toBe('the connection to process "p" was closed')
    expect((await rejection(api.add(1, 2))).message).toContain('was closed')
    await idle()
    expect(io.isDestroyed).toBe(true)
    expect(host.bridges.size).toBe(0)
  }
  expect(process.state.state).toBe('running')
})

test('a closed channel stops reading and detaches', async () => {
  const { io } = await connect()
  process.exit(0)
  await idle()
  const read = vi.spyOn(io, 'read')
  await idle()
  expect(read).not.toHaveBeenCalled()
  expect(host.bridges.size).toBe(0)
})

test('an early request of a backend goes to the first channel only', async () => {
  const remote = serveClassic<{ greet(name: string): Promise<string> }>(process, served)
  const answer = remote.greet('early')
  const greet = vi.fn((name: string) => `hello ${name}`)
  await page.onStderr('p', () => {})
  await idle()
  await page.createChannel('p', { greet })
  expect(await answer).toBe('hello early')
  await page.createChannel('p', { greet })
  await idle()
  expect(greet).toHaveBeenCalledTimes(1)
})

test('a second channel gets its own answers and no old frames', async () => {
  const first = await connect()
  await first.api.add(1, 1)
  const second = await connect()
  const read = vi.spyOn(second.io, 'read')
  await idle()
  expect(read).not.toHaveBeenCalled()
  const errors = vi.spyOn(console, 'error')
  const ticks: string[] = []
  await Promise.all([
    first.api.count(2, (tick) => ticks.push(`first ${tick}`)),
    second.api.count(2, (tick) => ticks.push(`second ${tick}`)),
  ])
  expect(ticks.sort()).toEqual(['first 1', 'first 2', 'second 1', 'second 2'])
  expect(errors).not.toHaveBeenCalled()
})

test('a page without a local API does not answer requests', async () => {
  const remote = serveClassic<{ greet(): Promise<string> }>(process, served)
  const { io } = await connect()
  const write = vi.spyOn(io, 'write')
  const answer = remote.greet()
  await idle()
  expect(write).not.toHaveBeenCalled()
  expect(await Promise.race([answer, Promise.resolve('unanswered')])).toBe('unanswered')
})

test('lines that are not frames are output only', async () => {
  const log = vi.spyOn(console, 'log')
  const errors = vi.spyOn(console, 'error')
  const lines: string[] = []
  await page.onStdout('p', (line) => lines.push(line))
  const { api } = await connect()
  process.print('hello', '{broken', '{"a":1}', '[]', '')
  expect(await api.add(1, 2)).toBe(3)
  expect(lines.slice(0, 5)).toEqual(['hello', '{broken', '{"a":1}', '[]', ''])
  expect(log).not.toHaveBeenCalled()
  expect(errors).not.toHaveBeenCalled()
})
