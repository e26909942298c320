import { beforeEach, expect, test } from 'vitest'
import { RPCChannel, type DestroyableIoInterface } from 'kkrpc'
import { FakeHost } from './support/host.ts'
import { load, rejection, idle, until, type Page } from './support/page.ts'
import type { FakeProcess } from './support/process.ts'
import { serveClassic } from './support/workers.ts'

let host: FakeHost
let page: Page
let process: FakeProcess

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  page = await load(host)
  process = host.start('p')
})

const frame = (id: string) => JSON.stringify({ id, method: 'm', args: [], type: 'request' })

test('kkrpc accepts the io, which attaches on first use', async () => {
  serveClassic(process, { add: (a: number, b: number) => a + b })
  const io: DestroyableIoInterface = new page.JsRuntimeIo('p')
  expect(io.name).toBe('tauri-js-runtime:p')
  expect(host.countOf('attach')).toBe(0)
  const channel = new RPCChannel<object, { add(a: number, b: number): Promise<number> }>(io)
  expect(await channel.getAPI().add(1, 2)).toBe(3)
})

test('frames are read one by one with their terminators', async () => {
  process.print(frame('1'), frame('2'))
  const io = new page.JsRuntimeIo('p')
  expect(await io.read()).toBe(frame('1') + '\n')
  expect(await io.read()).toBe(frame('2') + '\n')
})

test('a message listener replaces reading', async () => {
  process.print(frame('1'))
  const io = new page.JsRuntimeIo('p')
  await io.initialize()
  await idle()
  const received: string[] = []
  const listener = (message: string) => received.push(message)
  io.on('message', listener)
  process.print(frame('2'))
  await idle()
  io.off('message', listener)
  process.print(frame('3'))
  await idle()
  expect(received.map((message) => message.trim())).toEqual([frame('1'), frame('2')])
  expect(await io.read()).toBe(frame('3') + '\n')
})

test('the end is read once, and later reads stay pending', async () => {
  const io = new page.JsRuntimeIo('p')
  const errors: string[] = []
  io.on('error', ({ message }) => errors.push(message))
  const read = io.read()
  await idle()
  process.exit(2)
  expect(await read).toBeNull()
  expect(io.isDestroyed).toBe(true)
  expect(errors).toEqual(['process "p" exited with code 2'])
  const again = await Promise.race([io.read(), idle().then(() => 'parked')])
  expect(again).toBe('parked')
})

test('a later read receives the end', async () => {
  const io = new page.JsRuntimeIo('p')
  await io.initialize()
  process.exit(0)
  await idle()
  expect(await io.read()).toBeNull()
  const again = await Promise.race([io.read(), idle().then(() => 'parked')])
  expect(again).toBe('parked')
})

test('the loop of kkrpc 0.7 reads the last answers before the end', async () => {
  const io = new page.JsRuntimeIo('p')
  const read: (string | null)[] = []
  const loop = (async () => {
    while (!io.isDestroyed && read.at(-1) !== null) read.push(await io.read())
  })()
  await io.write(frame('1'))
  await io.write(frame('2'))
  await idle()
  process.exit(1)
  await loop
  const ids = read.map((line) => line && (JSON.parse(line) as { id: string }).id)
  expect(ids).toEqual(['1', '2', null])
})

test('the loop of kkrpc before 0.7 does not spin at the end', async () => {
  const io = new page.JsRuntimeIo('p')
  let reads = 0
  void (async () => {
    for (;;) {
      reads++
      await io.read()
    }
  })()
  await idle()
  process.exit(0)
  await idle()
  io.destroy()
  await idle()
  expect(reads).toBe(3 - 1)
})

test('a pending request gets an error response in its own format', async () => {
  const io = new page.JsRuntimeIo('p')
  await io.write(JSON.stringify({ json: { id: 'a', method: 'm', args: [], type: 'request' } }))
  await io.write(frame('b') + '\n')
  await io.write(JSON.stringify({ id: 'c', method: '', args: {}, type: 'get', path: ['x'] }))
  await io.write(JSON.stringify({ id: 'd', method: '', args: { result: 1 }, type: 'response' }))
  await io.write(JSON.stringify({ id: 'e', method: 'f', args: [], type: 'callback' }))
  await io.write(JSON.stringify({ t: 'q', id: 'g', op: 'call', p: ['m'] }))
  process.print(JSON.stringify({ id: 'b', method: '', args: { result: 1 }, type: 'response' }))
  await idle()
  process.exit(1)
  await idle()
  const error = 'process "p" exited with code 1'
  expect(JSON.parse((await io.read())!)).toMatchObject({ id: 'b', args: { result: 1 } })
  const answers = [await io.read(), await io.read(), await io.read()].map((line) =>
    JSON.parse(line!),
  )
  expect(answers).toEqual([
    { json: { id: 'a', method: '', args: { error }, type: 'response', version: 'superjson' } },
    { id: 'c', method: '', args: { error }, type: 'response', version: 'json' },
    { t: 'r', id: 'g', e: { n: 'JsRuntimeError', m: error, kind: 'exited' } },
  ])
  expect(await io.read()).toBeNull()
})

test('a write resolves only when stdin has taken it', async () => {
  const io = new page.JsRuntimeIo('p')
  process.capacity = 10
  process.stopReading()
  await io.write(frame('1'))
  let written = false
  const write = io.write(frame('2')).then(() => (written = true))
  await idle()
  expect(written).toBe(false)
  process.resumeReading()
  await write
  await idle()
  expect(process.stdin).toBe(`${frame('1')}\n${frame('2')}\n`)
})

test('reads and writes fail for an unknown process', async () => {
  const io = new page.JsRuntimeIo('q')
  const errors: string[] = []
  io.on('error', ({ message }) => errors.push(message))
  expect(await io.read()).toBeNull()
  expect(errors).toEqual(['process not found: q'])
  expect(await rejection(io.write(frame('1')))).toMatchObject({ kind: 'notFound' })
  expect(JSON.parse((await io.read())!)).toMatchObject({ args: { error: 'process not found: q' } })
  expect(await rejection(io.initialize())).toMatchObject({ kind: 'notFound' })
})

test('destroying an io while it attaches detaches it', async () => {
  const io = new page.JsRuntimeIo('p')
  const opening = rejection(io.initialize().then(() => io.write(frame('1'))))
  io.destroy()
  expect(await opening).toMatchObject({ kind: 'closed' })
  await until(() => host.countOf('detach') === 1)
  expect(host.bridges.size).toBe(0)
})
