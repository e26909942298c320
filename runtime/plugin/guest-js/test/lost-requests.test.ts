// Requests that are lost or delayed, and processes that restart meanwhile.
import { beforeEach, expect, test } from 'vitest'
import { FakeHost } from './support/host.ts'
import { load, rejection, idle, until, type Page } from './support/page.ts'

const LONG = 120_000

let host: FakeHost
let page: Page

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  page = await load(host)
})

/** Deterministic random numbers. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test.each([1, 2, 3])(
  'lost and delayed requests neither lose, repeat nor reorder data (seed %i)',
  async (seed) => {
    const random = randomNumbers(seed)
    const process = host.start('p')
    process.onLine = (line) => process.print(line, 'x'.repeat(20_000))
    host.fault = (command) => {
      if (command !== 'ack' && command !== 'write' && command !== 'drain') return 0
      const dice = random()
      if (dice < 0.15) return 'lost'
      return dice < 0.3 && command !== 'drain' ? 'answer lost' : Math.floor(dice * 6)
    }
    const lines: string[] = []
    await page.onStdout('p', (line) => line.startsWith('n') && lines.push(line))
    const expected = Array.from({ length: 150 }, (_, index) => `n${index}`)
    for (const line of expected) {
      await page.writeStdin('p', `${line}\n`)
    }
    await until(() => lines.length >= expected.length, 'all echoes')
    expect(process.stdin).toBe(expected.map((line) => `${line}\n`).join(''))
    expect(lines).toEqual(expected)
  },
  LONG,
)

test('a write in flight during a restart never reaches the next generation', async () => {
  const process = host.start('p')
  await page.onStdout('p', () => {})
  host.fault = (command) => (command === 'write' ? 20 : 0)
  const written = rejection(page.writeStdin('p', 'for the first'))
  await idle(1)
  const deliver = host.restartUndelivered('p')
  expect(await written).toMatchObject({ kind: 'exited', processName: 'p' })
  expect(
    await rejection(page.closeStdin('p').then(() => page.writeStdin('p', 'too'))),
  ).toMatchObject({ kind: 'exited' })
  deliver()
  await idle()
  await page.writeStdin('p', 'for the second')
  await idle()
  expect(process.stdin).toBe('for the second')
})

test('a write that waits for stdin never reaches the next generation', async () => {
  const process = host.startStalled('p')
  // Without a stream, the page knows of no generation.
  await page.writeStdin('p', 'full')
  const waiting = rejection(page.writeStdin('p', 'more'))
  const behind = rejection(page.writeStdin('p', 'and more'))
  await until(() => host.countOf('drain') === 1)
  process.exit(null, { kind: 'killed' })
  host.start('p')
  process.resumeReading()
  for (const refused of [await waiting, await behind]) {
    expect(refused).toMatchObject({ kind: 'exited' })
  }
  await idle()
  expect(process.stdin).toBe('')
})

test('a waiting write succeeds although drain requests are lost', async () => {
  const process = host.startStalled('p')
  await page.writeStdin('p', 'full')
  let lost = 0
  host.fault = (command) => (command === 'drain' && lost++ < 2 ? 'lost' : 0)
  const waiting = [page.writeStdin('p', ' and more'), page.writeStdin('p', '!')]
  await until(() => host.countOf('drain') === 1, 'the drain request')
  process.resumeReading()
  await Promise.all(waiting)
  await until(() => process.stdin === 'full and more!', 'the rest')
  expect(lost).toBe(3)
})

test('adding a listener does not fail queued writes', async () => {
  const process = host.start('p')
  host.fault = (command) => (command === 'write' ? 50 : 0)
  const written = [page.writeStdin('p', 'one')]
  await idle(1)
  written.push(page.writeStdin('p', ' and two'))
  await page.onStdout('p', () => {})
  expect(host.bodies).toEqual([])
  await Promise.all(written)
  await until(() => process.stdin === 'one and two', 'both writes')
})

test('a late removal event does not end a connection to the successor', async () => {
  const lines: string[] = []
  host.start('p').exit(0)
  await page.onStdout('p', (line) => lines.push(line))
  const former = page.writeStdin('p', 'for the first')
  await expect(former).rejects.toMatchObject({ kind: 'notRunning' })
  const deliver = host.removeUndelivered('p')
  const process = host.start('p')
  process.onLine = () => process.print('{"t":"q","id":"1"}')
  expect(await page.ensure('p')).toMatchObject({ generation: 2 })
  const transport = await page.jsRuntimeTransport('p')
  const messages: unknown[] = []
  let isClosed = false
  transport.subscribe((message) => messages.push(message))
  transport.onClose(() => (isClosed = true))
  deliver()
  await until(() => host.countOf('attach') === 2, 'the second attachment')
  await transport.send({ t: 'q', id: '0' })
  await until(() => messages.length === 1 && lines.length === 1, 'the answer')
  expect(isClosed).toBe(false)
  process.exit(0)
  await until(() => isClosed, 'the end of the connection')
})

test('a connection ends if the successor is removed before it is attached', async () => {
  host.start('p').exit(0)
  await page.onStdout('p', () => {})
  const deliver = host.removeUndelivered('p')
  host.start('p')
  await page.ensure('p')
  const transport = await page.jsRuntimeTransport('p')
  let reason: unknown
  transport.onClose((end) => (reason = end))
  host.processes.delete('p')
  deliver()
  await until(() => reason !== undefined, 'the end of the connection')
  expect(reason).toMatchObject({ kind: 'exited', message: 'process "p" was removed' })
})

test('a lost detach request is retried', async () => {
  host.start('p')
  const unlisten = await page.onStdout('p', () => {})
  let lost = 0
  host.fault = (command) => (command === 'detach' && lost++ < 2 ? 'lost' : 0)
  unlisten()
  await until(() => host.bridges.size === 0, 'the end of the attachment')
  expect(lost).toBe(3)
})

test('a lost unwatch request is retried', async () => {
  const unlisten = await page.watchProcesses(() => {})
  let lost = 0
  host.fault = (command) => (command === 'unwatch' && lost++ < 2 ? 'lost' : 0)
  unlisten()
  await until(() => host.countOf('unwatch') === 1, 'the end of the watch')
})

test('a page from the cache attaches again although its first request is lost', async () => {
  const process = host.start('p')
  const lines: string[] = []
  await page.onStdout('p', (line) => lines.push(line))
  window.dispatchEvent(new Event('pagehide'))
  host.pageGone('main')
  let lost = 0
  host.fault = (command) => (command === 'attach' && lost++ < 1 ? 'lost' : 0)
  window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  await until(() => host.bridges.size === 1, 'the attachment')
  process.print('here')
  await until(() => lines.includes('here'), 'the line')
})
