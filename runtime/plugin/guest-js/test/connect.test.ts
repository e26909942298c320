// Endpoints of this package on both ends, over the fake plugin.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Endpoint } from '../src/rpc/endpoint.ts'
import { FakeHost } from './support/host.ts'
import { idle, leave, load, rejection, reload, until, type Page } from './support/page.ts'
import type { FakeProcess } from './support/process.ts'
import { serveClassic } from './support/workers.ts'

interface Api {
  add(a: number, b: number): number
  never(): Promise<void>
  rows(n: number): AsyncIterable<number>
  ask(question: string): Promise<string>
}

let host: FakeHost
let page: Page
let process: FakeProcess
let backend: Endpoint
let isStreaming = false

/** Serves the API in the current generation of the process. */
function serve(): void {
  backend = new Endpoint({
    api: {
      add: (a: number, b: number) => a + b,
      never: () => new Promise(() => {}),
      async *rows(n: number) {
        isStreaming = true
        try {
          for (let row = 0; row < n; row++) yield row
        } finally {
          isStreaming = false
        }
      },
      ask: (question: string) => backend.call({ op: 'call', path: ['answer'], args: [question] }),
    },
    send: (line) => process.print(line),
  })
  process.onLine = (line) => backend.receive(line)
}

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  page = await load(host)
  process = host.start('p')
  serve()
})

afterEach(() => vi.restoreAllMocks())

test('calls and streams work', async () => {
  const { api } = await page.connect<Api>('p')
  expect(await api.add(1, 2)).toBe(3)
  const rows: number[] = []
  for await (const row of await api.rows(300)) rows.push(row)
  expect(rows).toEqual(Array.from({ length: 300 }, (_, row) => row))
})

test('calls of one turn share requests', async () => {
  const { api } = await page.connect<Api>('p')
  const sums = await Promise.all(Array.from({ length: 1000 }, (_, index) => api.add(index, 1)))
  expect(sums).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1))
  expect(host.bodies.length).toBeLessThan(20)
})

test('a connection goes on with the next generation', async () => {
  const restarts: number[] = []
  const connection = await page.connect<Api>('p', undefined, {
    onRestart: (generation) => restarts.push(generation),
  })
  const { api } = connection
  const pending = rejection(api.never())
  await until(() => process.stdin.includes('never'), 'the call')
  process.exit(1, { kind: 'error', message: 'Error: broken', stack: null })
  expect(await pending).toMatchObject({
    kind: 'exited',
    message: expect.stringContaining('broken') as string,
  })
  await expect(api.add(1, 2)).rejects.toThrow('exited with code 1')
  host.start('p')
  serve()
  await until(() => restarts.length > 0, 'the restart')
  expect(restarts).toEqual([2])
  expect(connection.generation).toBe(2)
  expect(await api.add(1, 2)).toBe(3)
})

test('a call after `restart` goes to the generation that the answer names', async () => {
  const { api } = await page.connect<Api>('p')
  await api.add(1, 2)
  const deliver = host.restartUndelivered('p')
  serve()
  await page.restart('p')
  const call = api.add(2, 3)
  deliver()
  expect(await call).toBe(5)
})

test('a call to an earlier generation never reaches the next one', async () => {
  const { api } = await page.connect<Api>('p')
  const deliver = host.restartUndelivered('p')
  const call = rejection(api.add(1, 2))
  const written = host.bodies.length
  expect(await call).toMatchObject({ kind: 'exited' })
  deliver()
  await idle()
  expect(host.bodies.slice(written).join('')).not.toContain('"add"')
})

test('the backend calls the page', async () => {
  const { api } = await page.connect<Api>('p', { answer: (question: string) => `${question}!` })
  expect(await api.ask('why')).toBe('why!')
})

test('a request that the page cannot write fails', async () => {
  host.overrides.set('write', () => {
    throw { kind: 'notAllowed', message: 'no', name: 'p' }
  })
  const { api } = await page.connect<Api>('p')
  await expect(api.add(1, 2)).rejects.toMatchObject({ kind: 'notAllowed' })
})

test('a closed connection ends its streams in the backend', async () => {
  const { api, close } = await page.connect<Api>('p')
  const iterator = (await api.rows(1e9))[Symbol.asyncIterator]()
  await iterator.next()
  expect(isStreaming).toBe(true)
  close()
  await until(() => !isStreaming, 'the end of the stream')
  await expect(api.add(1, 2)).rejects.toMatchObject({ kind: 'closed' })
})

test('a page that is left ends its streams in the backend', async () => {
  const { api } = await page.connect<Api>('p')
  const iterator = (await api.rows(1e9))[Symbol.asyncIterator]()
  await iterator.next()
  page = await reload(host)
  await until(() => !isStreaming, 'the end of the stream')
  const { api: again } = await page.connect<Api>('p')
  expect(await again.add(1, 2)).toBe(3)
})

test('the plugin forgets a connection whose process has ended', async () => {
  await page.connect<Api>('p')
  await until(() => host.connections.size === 1, 'the connection')
  process.exit(0)
  await until(() => host.connections.size === 0, 'the end of the connection')
})

test('a page that comes back from the cache is no restart', async () => {
  const onRestart = vi.fn()
  const { api } = await page.connect<Api>('p', undefined, { onRestart })
  expect(await api.add(1, 2)).toBe(3)
  leave(host)
  dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  expect(await api.add(1, 2)).toBe(3)
  expect(onRestart).not.toHaveBeenCalled()
})

test('a backend of kkrpc receives nothing but frames of kkrpc', async () => {
  serveClassic(process, { add: (a: number, b: number) => a + b })
  const errors = vi.spyOn(console, 'error').mockReturnValue()
  const { api, close } = await page.connect<Api>('p')
  expect(await api.add(1, 2)).toBe(3)
  await until(() => [...host.connections.values()][0]?.lastLine === '', 'the last line')
  close()
  await until(() => host.connections.size === 0, 'the end of the connection')
  await idle()
  expect(errors).not.toHaveBeenCalled()
})

test('a call that a backend of kkrpc makes is answered once by the window that offers it', async () => {
  const remote = serveClassic<{ ask(): Promise<string>; none(): Promise<void> }>(process, {})
  const other = await load(host, 'other')
  const third = await load(host, 'third')
  await page.connect<Api>('p', { other: () => 'other' })
  await other.connect<Api>('p', { ask: () => 'asked' })
  await third.connect<Api>('p')
  const answers = () => process.stdin.split('\n').filter((line) => line.includes('"response"'))
  expect(await remote.ask()).toBe('asked')
  await expect(remote.none()).rejects.toThrow('Method none is not a function')
  await idle()
  expect(answers()).toHaveLength(2)
})

test('a function that is exposed later is called', async () => {
  const { channel } = await page.createChannel<{ ask(): string }, Api>('p')
  const [connection] = [...host.connections.values()]
  channel.expose({ ask: () => 'later' })
  await until(() => [...host.connections.values()].some(({ answers }) => answers), 'the API')
  expect(connection?.answers).toBe(false)
  const remote = serveClassic<{ ask(): Promise<string> }>(process, {})
  expect(await remote.ask()).toBe('later')
})
