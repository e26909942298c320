import { beforeEach, expect, test, vi } from 'vitest'
import { FakeHost } from './support/host.ts'
import { leave, load, reload, settled, until, type Page } from './support/page.ts'
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

interface Heard {
  hear(value: number): void
}

/** A worker that tells the page one number after the other, as requests. */
function teller() {
  const remote = serveClassic<{ hear(value: number): Promise<void> }>(process, {})
  let next = 0
  return (count: number) => {
    for (let index = 0; index < count; index++) void remote.hear(next++)
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

test('a reload in the middle of a stream neither loses nor repeats a frame', async () => {
  const tell = teller()
  const heard: number[] = []
  const connect = () =>
    page.createChannel<Heard, object>('p', { hear: (value) => heard.push(value) })
  await connect()
  let told = 0
  for (let round = 0; round < 8; round++) {
    tell(50)
    told += 50
    // Some rounds leave before, some while, some after the frames arrive.
    await settled(round % 3)
    leave(host)
    tell(10)
    told += 10
    page = await load(host)
    await connect()
  }
  await until(() => heard.length >= told)
  await settled()
  expect(heard).toEqual(upTo(told))
})

test('nothing is handled any more once the position is stored', async () => {
  const lines: string[] = []
  await page.onStdout('p', (line) => lines.push(line))
  process.print('before')
  await until(() => lines.length === 1)
  window.dispatchEvent(new Event('pagehide'))
  process.print('after')
  await settled()
  expect(lines).toEqual(['before'])
  expect(sessionStorage.getItem('tauri-plugin-js-api')).toContain('"seq":2')
})

test('frames that nobody had taken wait for the page after the reload', async () => {
  const tell = teller()
  tell(3)
  await page.onStderr('p', () => {})
  await settled()
  page = await reload(host)
  const heard: number[] = []
  await page.createChannel<Heard, object>('p', { hear: (value) => heard.push(value) })
  await until(() => heard.length === 3)
  expect(heard).toEqual([0, 1, 2])
})

test('frames that nobody had taken survive a listener that came and went', async () => {
  const tell = teller()
  tell(2)
  const unlisten = await page.onStderr('p', () => {})
  await settled()
  unlisten()
  await settled()
  tell(1)
  const heard: number[] = []
  await page.createChannel<Heard, object>('p', { hear: (value) => heard.push(value) })
  await until(() => heard.length === 3)
  expect(heard).toEqual([0, 1, 2])
})

test('leaving before the answer to attach keeps the former position', async () => {
  const tell = teller()
  const heard: number[] = []
  const hear = (value: number) => heard.push(value)
  await page.createChannel<Heard, object>('p', { hear })
  tell(2)
  await until(() => heard.length === 2)
  page = await reload(host)
  host.overrides.set('attach', () => new Promise(() => {}))
  void page.createChannel('p')
  await settled()
  page = await reload(host)
  host.overrides.delete('attach')
  tell(1)
  await page.createChannel<Heard, object>('p', { hear })
  await until(() => heard.length === 3)
  await settled()
  expect(heard).toEqual([0, 1, 2])
})

test('listeners of the new page are told what was said before', async () => {
  process.print('old')
  await page.onStdout('p', () => {})
  await settled()
  page = await reload(host)
  const lines: string[] = []
  await page.onStdout('p', (line) => lines.push(line))
  await until(() => lines.length === 1)
  expect(lines).toEqual(['old'])
})

test('a position in a former generation does not hide frames of the present one', async () => {
  const tell = teller()
  await page.createChannel<Heard, object>('p', { hear: () => {} })
  tell(5)
  await settled()
  leave(host)
  process.exit(1)
  host.start('p')
  teller()(2)
  page = await load(host)
  const heard: number[] = []
  await page.createChannel<Heard, object>('p', { hear: (value) => heard.push(value) })
  await until(() => heard.length === 2)
  expect(heard).toEqual([0, 1])
})

test.each([
  ['which began later', 1_800_000_000_000],
  ['of which that is not known', null],
])('a position in a removed process hides no frames of its successor, %s', async (_, startedAt) => {
  const tell = teller()
  await page.createChannel<Heard, object>('p', { hear: () => {} })
  tell(50)
  await settled()
  leave(host)
  host.remove('p')
  process = host.start('p')
  process.startedAt = startedAt
  teller()(2)
  page = await load(host)
  const heard: number[] = []
  await page.createChannel<Heard, object>('p', { hear: (value) => heard.push(value) })
  await until(() => heard.length === 2)
})

test('a page that is gone without a word leaves no old position to the next', async () => {
  const tell = teller()
  const heard: number[] = []
  const hear = (value: number) => heard.push(value)
  await page.createChannel<Heard, object>('p', { hear })
  tell(1)
  await until(() => heard.length === 1)
  page = await reload(host)
  await page.createChannel<Heard, object>('p', { hear })
  tell(1)
  await until(() => heard.length === 2)
  host.pageGone('main')
  page = await load(host)
  await page.createChannel<Heard, object>('p', { hear })
  tell(1)
  await until(() => heard.length === 3)
  expect(heard).toEqual([0, 1, 2])
})

test('rubbish in the storage is ignored', async () => {
  for (const rubbish of ['{', 'null', '[1]', '[["p",null]]', '[["p",{"generation":"x"}]]']) {
    sessionStorage.setItem('tauri-plugin-js-api', rubbish)
    page = await load(host)
    const lines: string[] = []
    process.print(rubbish)
    await page.onStdout('p', (line) => lines.push(line))
    await until(() => lines.includes(rubbish))
  }
})

test('a page without storage works and begins with what is new', async () => {
  vi.stubGlobal('sessionStorage', undefined)
  const tell = teller()
  const heard: number[] = []
  const hear = (value: number) => heard.push(value)
  await page.createChannel<Heard, object>('p', { hear })
  tell(2)
  await until(() => heard.length === 2)
  page = await reload(host)
  await page.createChannel<Heard, object>('p', { hear })
  tell(1)
  await until(() => heard.length === 3)
  expect(heard).toEqual([0, 1, 2])
  vi.unstubAllGlobals()
})

test('a page that comes back from the cache goes on where it was', async () => {
  const lines: string[] = []
  await page.onStdout('p', (line) => lines.push(line))
  process.print('1')
  await until(() => lines.length === 1)
  leave(host)
  process.print('2')
  await settled()
  window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  process.print('3')
  await until(() => lines.length === 3)
  expect(lines).toEqual(['1', '2', '3'])
})
