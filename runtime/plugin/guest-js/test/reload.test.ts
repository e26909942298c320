import { beforeEach, expect, test, vi } from 'vitest'
import { FakeHost } from './support/host.ts'
import { leave, load, reload, idle, until, type Page } from './support/page.ts'
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

interface PageApi {
  receive(value: number): void
}

/** Sends consecutive numbers to the page as requests of a backend. */
function requestSender() {
  const remote = serveClassic<{ receive(value: number): Promise<void> }>(process, {})
  let next = 0
  return (count: number) => {
    for (let index = 0; index < count; index++) void remote.receive(next++)
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

test('a reload neither loses nor repeats a frame', async () => {
  const send = requestSender()
  const received: number[] = []
  const connect = () =>
    page.createChannel<PageApi, object>('p', { receive: (value) => received.push(value) })
  await connect()
  let sent = 0
  for (let round = 0; round < 8; round++) {
    send(50)
    sent += 50
    // Rounds leave the page before, while and after the frames arrive.
    await idle(round % 3)
    leave(host)
    send(10)
    sent += 10
    page = await load(host)
    await connect()
  }
  await until(() => received.length >= sent)
  await idle()
  expect(received).toEqual(upTo(sent))
})

test('no event is handled after the position is saved', async () => {
  const lines: string[] = []
  await page.onStdout('p', (line) => lines.push(line))
  process.print('before')
  await until(() => lines.length === 1)
  window.dispatchEvent(new Event('pagehide'))
  process.print('after')
  await idle()
  expect(lines).toEqual(['before'])
  expect(sessionStorage.getItem('tauri-plugin-js-api')).toContain('"seq":2')
})

/** Connects the page, which must receive these frames. */
async function expectUnclaimed(values: number[]): Promise<void> {
  const received: number[] = []
  await page.createChannel<PageApi, object>('p', { receive: (value) => received.push(value) })
  await until(() => received.length === values.length)
  expect(received).toEqual(values)
}

test('unclaimed frames survive a reload', async () => {
  const send = requestSender()
  send(3)
  await page.onStderr('p', () => {})
  await idle()
  page = await reload(host)
  await expectUnclaimed([0, 1, 2])
})

test('unclaimed frames survive the removal of the last listener', async () => {
  const send = requestSender()
  send(2)
  const unlisten = await page.onStderr('p', () => {})
  await idle()
  unlisten()
  await idle()
  send(1)
  await expectUnclaimed([0, 1, 2])
})

test('leaving before the answer to attach preserves the saved position', async () => {
  const send = requestSender()
  const received: number[] = []
  const receive = (value: number) => received.push(value)
  await page.createChannel<PageApi, object>('p', { receive })
  send(2)
  await until(() => received.length === 2)
  page = await reload(host)
  host.overrides.set('attach', () => new Promise(() => {}))
  void page.createChannel('p')
  await idle()
  page = await reload(host)
  host.overrides.delete('attach')
  send(1)
  await page.createChannel<PageApi, object>('p', { receive })
  await until(() => received.length === 3)
  await idle()
  expect(received).toEqual([0, 1, 2])
})

test('listeners of the new page receive the history', async () => {
  process.print('old')
  await page.onStdout('p', () => {})
  await idle()
  page = await reload(host)
  const lines: string[] = []
  await page.onStdout('p', (line) => lines.push(line))
  await until(() => lines.length === 1)
  expect(lines).toEqual(['old'])
})

test('a position in an earlier generation does not hide frames of the current one', async () => {
  const send = requestSender()
  await page.createChannel<PageApi, object>('p', { receive: () => {} })
  send(5)
  await idle()
  leave(host)
  process.exit(1)
  host.start('p')
  requestSender()(2)
  page = await load(host)
  const received: number[] = []
  await page.createChannel<PageApi, object>('p', { receive: (value) => received.push(value) })
  await until(() => received.length === 2)
  expect(received).toEqual([0, 1])
})

test.each([
  ['with a later start time', 1_800_000_000_000],
  ['with an unknown start time', null],
])('a position in a removed process hides no frames of a successor %s', async (_, startedAt) => {
  const send = requestSender()
  await page.createChannel<PageApi, object>('p', { receive: () => {} })
  send(50)
  await idle()
  leave(host)
  host.remove('p')
  process = host.start('p')
  process.startedAt = startedAt
  requestSender()(2)
  page = await load(host)
  const received: number[] = []
  await page.createChannel<PageApi, object>('p', { receive: (value) => received.push(value) })
  await until(() => received.length === 2)
})

test('a page that ends without pagehide leaves no outdated position', async () => {
  const send = requestSender()
  const received: number[] = []
  const receive = (value: number) => received.push(value)
  await page.createChannel<PageApi, object>('p', { receive })
  send(1)
  await until(() => received.length === 1)
  page = await reload(host)
  await page.createChannel<PageApi, object>('p', { receive })
  send(1)
  await until(() => received.length === 2)
  host.pageGone('main')
  page = await load(host)
  await page.createChannel<PageApi, object>('p', { receive })
  send(1)
  await until(() => received.length === 3)
  expect(received).toEqual([0, 1, 2])
})

test('invalid data in the storage is ignored', async () => {
  for (const invalid of ['{', 'null', '[1]', '[["p",null]]', '[["p",{"generation":"x"}]]']) {
    sessionStorage.setItem('tauri-plugin-js-api', invalid)
    page = await load(host)
    const lines: string[] = []
    process.print(invalid)
    await page.onStdout('p', (line) => lines.push(line))
    await until(() => lines.includes(invalid))
  }
})

test('a page without storage starts with new events', async () => {
  vi.stubGlobal('sessionStorage', undefined)
  const send = requestSender()
  const received: number[] = []
  const receive = (value: number) => received.push(value)
  await page.createChannel<PageApi, object>('p', { receive })
  send(2)
  await until(() => received.length === 2)
  page = await reload(host)
  await page.createChannel<PageApi, object>('p', { receive })
  send(1)
  await until(() => received.length === 3)
  expect(received).toEqual([0, 1, 2])
  vi.unstubAllGlobals()
})

test('a page from the back/forward cache continues at its position', async () => {
  const lines: string[] = []
  await page.onStdout('p', (line) => lines.push(line))
  process.print('1')
  await until(() => lines.length === 1)
  leave(host)
  process.print('2')
  await idle()
  window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  process.print('3')
  await until(() => lines.length === 3)
  expect(lines).toEqual(['1', '2', '3'])
})
