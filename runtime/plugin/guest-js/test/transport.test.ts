// The wire format of kkrpc 1.0 and later.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeHost } from './support/host.ts'
import * as compactKkrpc from './support/compact-kkrpc.ts'
import { load, rejection, idle, until, type Page } from './support/page.ts'
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

test('calls, callbacks and rejections work', async () => {
  const { api } = await page.createChannel<object, Api>('p')
  expect(await api.add(1, 2)).toBe(3)
  const ticks: number[] = []
  expect(await api.count(2, (tick) => ticks.push(tick))).toBe(2)
  expect(ticks).toEqual([1, 2])
  expect((await rejection(api.fail())).message).toBe('no!')
})

test('the page answers requests of the backend', async () => {
  await page.createChannel('p', { greet: (name: string) => `hello ${name}` })
  const answers: unknown[] = []
  process.onLine = (line) => {
    const message = JSON.parse(line) as { t: string }
    if (message.t === 'r') answers.push(message)
  }
  const name = { __kkrpc_next_arg__: 'value', v: 'you' }
  process.print(JSON.stringify({ t: 'q', id: '1', op: 'call', p: ['greet'], a: [name] }))
  await until(() => answers.length === 1)
  expect(answers).toEqual([{ t: 'r', id: '1', v: 'hello you' }])
})

test('a page without a local API does not answer requests', async () => {
  await page.createChannel('p')
  const answers: string[] = []
  process.onLine = (line) => {
    if (line.includes('"t":"r"')) answers.push(line)
  }
  process.print(JSON.stringify({ t: 'q', id: '1', op: 'call', p: ['greet'] }))
  await idle()
  expect(answers).toEqual([])
})

test('a crash rejects pending calls with kind exited', async () => {
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
  await idle()
  expect((await rejection(api.add(1, 2))).message).toContain('exited with code 3')
})

test('an unanswered call times out', async () => {
  const { api } = await page.createChannel<object, Api>('p', undefined, { timeout: 30 })
  expect((await rejection(api.never())).message).toContain('30 ms')
})

test('closing the io, the transport or the channel closes the connection', async () => {
  for (const how of ['io', 'transport', 'channel'] as const) {
    const { api, io, transport, channel } = await page.createChannel<object, Api>('p')
    const call = rejection(api.never())
    await idle()
    if (how === 'io') io.destroy()
    else if (how === 'transport') transport.close()
    else channel.destroy!()
    expect((await call).message).toMatch(/was closed|destroyed/)
    await idle()
    expect(host.bridges.size).toBe(0)
  }
})

test('onClose is called once, with a reason unless the code was 0', async () => {
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
    await idle()
    transport.onClose((reason) => reasons.push(reason?.message))
    await idle()
    expect(reasons).toEqual([expected, expected])
    host.start('p')
  }
})

test('close does not call onClose listeners', async () => {
  const transport = await page.jsRuntimeTransport('p')
  const listener = vi.fn()
  transport.onClose(listener)
  transport.close()
  await idle()
  expect(listener).not.toHaveBeenCalled()
  expect((await rejection(transport.send({ t: 'q', id: '1' }))).message).toContain('was closed')
})

test('the first subscriber receives earlier messages', async () => {
  const transport = await page.jsRuntimeTransport('p')
  process.print('{"t":"cb","id":"1","a":[]}', 'a log line', '{"not":"a frame"}', '{broken')
  await idle()
  const received: unknown[] = []
  const stop = transport.subscribe((message) => received.push(message))
  expect(received).toEqual([{ t: 'cb', id: '1', a: [] }])
  const second: unknown[] = []
  transport.subscribe((message) => second.push(message))
  stop()
  process.print('{"t":"cb","id":"2","a":[]}')
  await idle()
  expect(received).toHaveLength(1)
  expect(second).toEqual([{ t: 'cb', id: '2', a: [] }])
})

test('an error of one subscriber does not affect others', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const transport = await page.jsRuntimeTransport('p')
  const received: unknown[] = []
  transport.subscribe(() => {
    throw new Error('mine')
  })
  transport.subscribe((message) => received.push(message))
  process.print('{"t":"cb","id":"1","a":[]}')
  await until(() => received.length === 1)
  expect(reported).toHaveBeenCalledTimes(1)
  vi.unstubAllGlobals()
})

test('a connection to an unknown process rejects', async () => {
  expect(await rejection(page.jsRuntimeTransport('q'))).toMatchObject({ kind: 'notFound' })
})
