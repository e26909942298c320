import { beforeEach, expect, test, vi } from 'vitest'
import { FakeHost, refusal } from './support/host.ts'
import { load, rejection, settled, until, type Page } from './support/page.ts'
import type { FakeProcess } from './support/process.ts'
import { enterWebView } from './support/webview.ts'

let host: FakeHost
let page: Page
let process: FakeProcess

beforeEach(async () => {
  host = new FakeHost()
  page = await load(host)
  process = host.start('p')
})

/** A page in a WebView, which listens to the process; the messages that the page sends. */
async function listening() {
  const messages = enterWebView(host)
  const lines: string[] = []
  await page.onStdout('p', (line) => lines.push(line))
  await settled()
  return { lines, written: () => messages.filter(({ cmd }) => cmd === 'plugin:js|write') }
}

test('short texts are messages, long ones and bytes are requests, all in the order of the calls', async () => {
  process.capacity = 1e6
  const { written } = await listening()
  const long = 'x'.repeat(10_000)
  for (const data of ['é1', long, '2', new Uint8Array([51]), '4']) await page.writeStdin('p', data)
  await settled()
  expect(process.stdin).toBe(`é1${long}234`)
  expect(written().map(({ payload }) => payload)).toEqual([
    { data: 'é1' },
    { data: '2' },
    { data: '4' },
  ])
  expect(host.countOf('write')).toBe(5)
})

test('nothing is a message before one was answered, and what is written then arrives all the same', async () => {
  host.answersMessages = false
  const { written } = await listening()
  await page.writeStdin('p', 'a')
  await page.writeStdin('p', 'b')
  await settled()
  expect([process.stdin, written()]).toEqual(['ab', []])
})

test('a page that is in no WebView sends none, whatever it is told', async () => {
  host.invokeKey = 'the key of the app'
  await page.onStdout('p', () => {})
  const invoke = vi.spyOn(host, 'invoke')
  await page.writeStdin('p', 'a')
  expect(process.stdin).toBe('a')
  // A plugin that knows of no messages takes nothing but bytes.
  expect(invoke.mock.calls[0]?.[2]).toBeInstanceOf(Uint8Array)
})

test('a message that is refused fails as a request does', async () => {
  const { written } = await listening()
  host.overrides.set('write', () => {
    throw refusal('notRunning', 'process not running: p', 'p')
  })
  const error = await rejection(page.writeStdin('p', 'a'))
  expect([error.name, error.kind]).toEqual(['JsRuntimeError', 'notRunning'])
  host.overrides.clear()
  await Promise.all([page.writeStdin('p', 'b'), page.writeStdin('p', 'c')])
  expect([written().length, process.stdin]).toEqual([2, 'bc'])
})

test('a message that is refused because of where a link leads is sent as a request', async () => {
  const { written } = await listening()
  let refusals = 1
  host.overrides.set('write', () => {
    if (refusals-- > 0) throw 'Command plugin:js|write not allowed by ACL'
  })
  await page.writeStdin('p', 'a')
  expect([process.stdin, written().length, host.countOf('write')]).toEqual(['a', 1, 2])
})

test('a message whose answer is lost is sent as a request, and counts once', async () => {
  const { written } = await listening()
  host.answersMessages = false
  const writes = ['a', 'b'].map((data) => page.writeStdin('p', data))
  await until(() => written().length === 1)
  host.answersMessages = true
  await Promise.all(writes)
  await page.writeStdin('p', 'c')
  await settled()
  expect([process.stdin, host.countOf('write')]).toEqual(['abc', 3])
})

test('a full stdin makes messages wait, and nothing is lost or doubled', async () => {
  const { written } = await listening()
  process.capacity = 10
  process.stopReading()
  const writes = ['first\n', 'second\n', 'third\n'].map((line) => page.writeStdin('p', line))
  const done: number[] = []
  writes.forEach((write, index) => void write.then(() => done.push(index)))
  await settled()
  process.goOnReading()
  await Promise.all(writes)
  expect(process.stdin).toBe('first\nsecond\nthird\n')
  expect(written().length).toBeGreaterThan(0)
})

test('half a character is replaced, as it is when text is encoded', async () => {
  const { written } = await listening()
  await page.writeStdin('p', 'a\ud83d')
  await page.writeStdin('p', '\ud83d\ude00')
  expect([process.stdin, written().length]).toEqual(['a\ufffd\u{1f600}', 1])
})

test('a WebView evaluates large messages as well', async () => {
  const { lines } = await listening()
  const long = 'é'.repeat(100_000)
  for (const line of ['short', long, 'end']) process.print(line)
  await until(() => lines.length === 3)
  expect(lines).toEqual(['short', long, 'end'])
})
