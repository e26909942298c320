import { RPCChannel } from 'kkrpc/browser'
import { beforeEach, expect, test, vi } from 'vitest'
import { Endpoint } from '../src/rpc/endpoint.ts'
import { FakeHost } from './support/host.ts'
import { load, idle, type Page } from './support/page.ts'
import type { FakeProcess } from './support/process.ts'
import { serveClassic } from './support/workers.ts'

interface Api {
  add(a: number, b: number): Promise<number>
  count(n: number, onTick: (tick: number) => void): Promise<number>
}

let host: FakeHost
let main: Page
let other: Page
let process: FakeProcess
let remote: { ask(): Promise<string> }

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  main = await load(host, 'main')
  other = await load(host, 'other')
  process = host.start('p')
  remote = serveClassic(process, {
    add: (a: number, b: number) => a + b,
    count: (n: number, onTick: (tick: number) => void) => {
      for (let tick = 1; tick <= n; tick++) onTick(tick)
      return n
    },
  })
})

test('each of two windows gets its own answers and callbacks', async () => {
  const errors = vi.spyOn(console, 'error')
  const { api: a } = await main.createChannel<object, Api>('p')
  const { api: b } = await other.createChannel<object, Api>('p')
  expect(host.bridges.size).toBe(2)
  const ticks: string[] = []
  const answers = await Promise.all([
    a.add(1, 1),
    b.add(2, 2),
    a.count(1, () => ticks.push('a')),
    b.count(1, () => ticks.push('b')),
  ])
  expect(answers).toEqual([2, 4, 1, 1])
  expect(ticks.sort()).toEqual(['a', 'b'])
  expect(errors).not.toHaveBeenCalled()
  errors.mockRestore()
})

test('only the window with a local API answers a request', async () => {
  const ask = vi.fn(() => 'main')
  await main.createChannel('p', { ask })
  await other.createChannel<object, Api>('p')
  expect(await remote.ask()).toBe('main')
  await idle()
  expect(ask).toHaveBeenCalledTimes(1)
  const answers = process.stdin.split('\n').filter((line) => line.includes('"type":"response"'))
  expect(answers).toHaveLength(1)
})

test('a later window does not answer an earlier request', async () => {
  const ask = vi.fn(() => 'main')
  await main.createChannel('p', { ask })
  expect(await remote.ask()).toBe('main')
  const late = vi.fn(() => 'other')
  await other.createChannel('p', { ask: late })
  await idle()
  expect(late).not.toHaveBeenCalled()
})

test('windows with kkrpc and windows with `connect` share a backend', async () => {
  const errors = vi.spyOn(console, 'error')
  const first = await load(host, 'first')
  const second = await load(host, 'second')
  const backend = new Endpoint({
    api: {
      add: (a: number, b: number) => a + b,
      async *rows(n: number) {
        for (let row = 0; row < n; row++) yield row
      },
    },
    send: (line) => process.print(line),
  })
  process.onLine = (line) => backend.receive(line)
  const io = new first.JsRuntimeIo('p')
  const kkrpc = new RPCChannel<object, { add(a: number, b: number): Promise<number> }>(io).getAPI()
  const { api } = await second.connect<{ rows(n: number): AsyncIterable<number> }>('p')
  expect(await kkrpc.add(1, 2)).toBe(3)
  const rows: number[] = []
  for await (const row of await api.rows(100)) rows.push(row)
  expect(rows.length).toBe(100)
  expect(await kkrpc.add(3, 4)).toBe(7)
  expect(errors).not.toHaveBeenCalled()
})
