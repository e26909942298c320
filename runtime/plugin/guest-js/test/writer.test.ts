import { beforeEach, expect, test } from 'vitest'
import { FakeHost, refusal } from './support/host.ts'
import { load, rejection, idle, until, type Page } from './support/page.ts'

let host: FakeHost
let page: Page
const bytes = (text: string) => new TextEncoder().encode(text)

beforeEach(async () => {
  host = new FakeHost()
  page = await load(host)
})

test('text and bytes arrive in call order, in fewer requests than writes', async () => {
  const process = host.start('p')
  const writes = Array.from({ length: 500 }, (_, index) =>
    page.writeStdin('p', index % 3 === 0 ? `${index}\n` : bytes(`${index}\n`)),
  )
  await Promise.all(writes)
  await idle()
  expect(process.stdin.split('\n').slice(0, 500)).toEqual(writes.map((_, index) => String(index)))
  expect(host.bodies.length).toBeLessThan(5)
})

test('one request is in flight at a time', async () => {
  const process = host.start('p')
  const invoke = host.invoke.bind(host)
  let under = 0
  let most = 0
  host.invoke = async (...args) => {
    most = Math.max(most, ++under)
    // Later requests are faster and would overtake earlier ones.
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 8 - host.bodies.length * 2)))
    const answer = await invoke(...args)
    under--
    return answer
  }
  const writes: Promise<void>[] = []
  for (let index = 0; index < 20; index++) {
    writes.push(page.writeStdin('p', bytes(`${index} `)))
    await idle(1)
  }
  await Promise.all(writes)
  expect(most).toBe(1)
  expect(host.bodies.length).toBeGreaterThan(2)
  await idle()
  expect(process.stdin).toBe(writes.map((_, index) => `${index} `).join(''))
})

test('requests are bounded in size, and a larger write is sent alone', async () => {
  host.start('p').capacity = 1e9
  const sizes = [200_000, 100_000, 100_000, 600_000, 1]
  await Promise.all(sizes.map((size) => page.writeStdin('p', new Uint8Array(size))))
  expect(host.bodies.map(({ length }) => length)).toEqual([200_000, 200_000, 600_000, 1])
})

test('a write waits for a full stdin and is neither lost nor repeated', async () => {
  const process = host.start('p')
  process.capacity = 10
  process.stopReading()
  await page.writeStdin('p', bytes('0123456789'))
  let written = false
  const waiting = page.writeStdin('p', bytes('more')).then(() => (written = true))
  const behind = page.writeStdin('p', bytes('!'))
  await idle()
  expect(written).toBe(false)
  expect(host.countOf('drain')).toBe(1)
  process.resumeReading()
  await Promise.all([waiting, behind])
  await idle()
  expect(process.stdin).toBe('0123456789more!')
  const seqs = host.calls
    .filter(({ command }) => command === 'write')
    .map(({ args }) => args['js-seq'])
  expect(new Set(seqs).size).toBe(seqs.length)
})

test('a request that Tauri sends twice is executed once', async () => {
  const process = host.start('p')
  const invoke = host.invoke.bind(host)
  host.invoke = async (...args) => {
    await invoke(...args)
    return invoke(...args)
  }
  await page.writeStdin('p', bytes('once'))
  await page.writeStdin('p', bytes(' and once'))
  await idle()
  expect(process.stdin).toBe('once and once')
})

test('a name that is not ASCII crosses in a header', async () => {
  const process = host.start('größe 🦕%')
  await page.writeStdin('größe 🦕%', bytes('x'))
  await idle()
  expect(process.stdin).toBe('x')
  const write = host.calls.find(({ command }) => command === 'write')
  expect(write?.args['js-name']).toMatch(/^[\x20-\x7e]+$/)
})

test('a write to an exited process rejects without affecting later writes', async () => {
  const process = host.start('p')
  process.exit(0)
  expect(await rejection(page.writeStdin('p', bytes('x')))).toMatchObject({ kind: 'notRunning' })
  host.start('p')
  await page.writeStdin('p', bytes('y'))
  await idle()
  expect(process.stdin).toBe('y')
})

test('a write that waits for a process which exits never reaches the next generation', async () => {
  const process = host.startStalled('p')
  await page.onStdout('p', () => {})
  await page.writeStdin('p', bytes('full'))
  // The drain request is answered after the exit event has arrived.
  host.overrides.set('drain', () => idle(20))
  const waiting = rejection(page.writeStdin('p', bytes('never')))
  await idle()
  const behind = rejection(page.writeStdin('p', bytes('neither')))
  process.exit(null, { kind: 'killed' })
  host.start('p')
  process.resumeReading()
  expect(await waiting).toMatchObject({ kind: 'exited', message: 'process "p" was killed' })
  expect(await behind).toMatchObject({ kind: 'exited' })
  await page.writeStdin('p', bytes('next'))
  await idle()
  expect(process.stdin).toBe('next')
})

test('the exit of the previous generation does not fail writes for the announced one', async () => {
  const process = host.start('p')
  await page.onStdout('p', () => {})
  const deliver = host.restartUndelivered('p')
  await page.ensure('p')
  process.capacity = 4
  process.stopReading()
  await page.writeStdin('p', bytes('full'))
  const waiting = page.writeStdin('p', bytes(' and more'))
  await idle()
  deliver()
  await idle()
  process.resumeReading()
  await waiting
  await idle()
  expect(process.stdin).toBe('full and more')
})

test('a lone surrogate is replaced', async () => {
  const process = host.start('p')
  await page.writeStdin('p', 'a\ud83d')
  await page.writeStdin('p', '\ud83d\ude00')
  await idle()
  expect(process.stdin).toBe('a\ufffd\u{1f600}')
})

test('the caller may reuse its buffer at once', async () => {
  const process = host.start('p')
  const buffer = bytes('abc')
  const written = page.writeStdin('p', buffer)
  buffer.fill(0)
  await written
  await idle()
  expect(process.stdin).toBe('abc')
})

test('only a full stdin is retried', async () => {
  host.start('p')
  host.overrides.set('write', () => {
    throw refusal('notAllowed', 'not allowed: add "p"', 'p')
  })
  expect(await rejection(page.writeStdin('p', bytes('x')))).toMatchObject({ kind: 'notAllowed' })
  expect(host.countOf('write')).toBe(1)
  host.overrides.delete('write')
  await page.writeStdin('p', bytes('y'))
  await until(() => host.bodies.length === 1)
})
