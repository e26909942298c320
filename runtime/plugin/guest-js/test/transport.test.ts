// The wire format of kkrpc 1.0 and later.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeHost } from './support/host.ts'
import * as compactKkrpc from './support/compact-kkrpc.ts'
import { load, rejection, settled, until, type Page } from './support/page.ts'
import type { FakeProcess } from './support/process.ts'
import { serveCompact } from './support/workers.ts'

interface Api {
  add(a: number, b: number): Promise<number>
  never(): Promise<void>
  fail(): Promise<void>
  count(n: number, onTick: (tick: number) => void): Promise<number>
}

let host: FakeHost
let page: Page
let process: FakeProcess

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  vi.doMock('kkrpc/browser', () => compactKkrpc)
  page = await load(host)
  process = host.start('p')
  serveCompact(process, {
    add: (a: number, b: number) => a + b,
    never: () => new Promise(() => {}),
    fail: () => {
      throw new Error('no!')
    },
    count: (n: number, onTick: (tick: number) => void) => {
      for (let tick = 1; tick <= n; tick++) onTick(tick)
      return n
    },
  })
})

afterEach(() => {
  vi.doUnmock('kkrpc/browser')
  vi.restoreAllMocks()
})

test('a channel of this era calls, is called back, and rejects', async () => {
  const { api, channel } = await page.createChannel<object, Api>('p')
  expect(channel).toBeInstanceOf(compactKkrpc.RPCChannel)
  expect(await api.add(1, 2)).toBe(3)
  const ticks: number[] = []
  expect(await api.count(2, (tick) => ticks.push(tick))).toBe(2)
  expect(ticks).toEqual([1, 2])
  expect((await rejection(api.fail())).message).toBe('no!')
})

test('the page answers to the worker', async () => {
  await page.createChannel('p', { greet: (name: string) => `hello ${name}` })
  const answers: unknown[] = []
  process.onLine = (line) => answers.push(JSON.parse(line))
  const name = { __kkrpc_next_arg__: 'value', v: 'you' }
  process.print(JSON.stringify({ t: 'q', id: '1', op: 'call', p: ['greet'], a: [name] }))
  await until(() => answers.length === 1)
  expect(answers).toEqual([{ t: 'r', id: '1', v: 'hello you' }])
})

test('a page without an API leaves requests to others', async () => {
  await page.createChannel('p')
  const answers: string[] = []
  process.onLine = (line) => answers.push(line)
  process.print(JSON.stringify({ t: 'q', id: '1', op: 'call', p: ['greet'] }))
  await settled()
  expect(answers).toEqual([])
})

test('a crash rejects calls under way at once, with the kind of error', async () => {
  const { api } = await page.createChannel<object, Api>('p')
  const call = rejection(api.never())
  await until(() => process.stdin.includes('never'))
  process.exit(3)
  const error = await call
  expect(error).toMatchObject({
    name: 'JsRuntimeError',
    message: 'process "p" exited with code 3',
    kind: 'exited',
  })
  await settled()
  expect((await rejection(api.add(1, 2))).message).toContain('exited with code 3')
})

test('a call that is not answered in time rejects', async () => {
  const { api } = await page.createChannel<object, Api>('p', undefined, { timeout: 30 })
  expect((await rejection(api.never())).message).toContain('30 ms')
})

test('closing in either way closes the connection', async () => {
  for (const how of ['io', 'transport', 'channel'] as const) {
    const { api, io, transport, channel } = await page.createChannel<object, Api>('p')
    const call = rejection(api.never())
    await settled()
    if (how === 'io') io.destroy()
    else if (how === 'transport') transport.close()
    else channel.destroy!()
    expect((await call).message).toMatch(/was closed|destroyed/)
    await settled()
    expect(host.bridges.size).toBe(0)
  }
})

test('the end of the process is told once, with a reason unless its code was 0', async () => {
  for (const [code, expected] of [
    [0, undefined],
    [5, 'process "p" exited with code 5'],
  ] as const) {
    const transport = await page.jsRuntimeTransport('p')
    const reasons: unknown[] = []
    transport.onClose((reason) => reasons.push(reason?.message))
    const stop = transport.onClose(() => reasons.push('never'))
    stop()
    process.exit(code)
    await settled()
    transport.onClose((reason) => reasons.push(reason?.message))
    await settled()
    expect(reasons).toEqual([expected, expected])
    host.start('p')
  }
})

test('closing the transport itself is no news', async () => {
  const transport = await page.jsRuntimeTransport('p')
  const told = vi.fn()
  transport.onClose(told)
  transport.close()
  await settled()
  expect(told).not.toHaveBeenCalled()
  expect((await rejection(transport.send({ t: 'q', id: '1' }))).message).toContain('was closed')
})

test('what comes before somebody subscribes is not lost', async () => {
  const transport = await page.jsRuntimeTransport('p')
  process.print('{"t":"cb","id":"1","a":[]}', 'a log line', '{"not":"a frame"}', '{broken')
  await settled()
  const heard: unknown[] = []
  const stop = transport.subscribe((message) => heard.push(message))
  expect(heard).toEqual([{ t: 'cb', id: '1', a: [] }])
  const second: unknown[] = []
  transport.subscribe((message) => second.push(message))
  stop()
  process.print('{"t":"cb","id":"2","a":[]}')
  await settled()
  expect(heard).toHaveLength(1)
  expect(second).toEqual([{ t: 'cb', id: '2', a: [] }])
})

test('a subscriber that throws breaks no other', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const transport = await page.jsRuntimeTransport('p')
  const heard: unknown[] = []
  transport.subscribe(() => {
    throw new Error('mine')
  })
  transport.subscribe((message) => heard.push(message))
  process.print('{"t":"cb","id":"1","a":[]}')
  await until(() => heard.length === 1)
  expect(reported).toHaveBeenCalledTimes(1)
  vi.unstubAllGlobals()
})

test('connecting to what does not exist rejects', async () => {
  expect(await rejection(page.jsRuntimeTransport('q'))).toMatchObject({ kind: 'notFound' })
})
