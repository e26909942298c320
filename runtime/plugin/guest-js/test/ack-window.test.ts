import { beforeEach, expect, test, vi } from 'vitest'
import { FakeHost } from './support/host.ts'
import { load, idle, until, type Page } from './support/page.ts'

let host: FakeHost
let page: Page

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  page = await load(host)
})

test('handled output is acknowledged before the window is full', async () => {
  const process = host.start('p')
  let count = 0
  await page.onStdout('p', () => count++)
  for (let burst = 0; burst < 40; burst++) {
    process.print(...Array.from({ length: 10 }, () => 'x'.repeat(20_000)))
    await idle(1)
  }
  await until(() => count === 400)
  const bridge = host.bridge('p')
  expect(bridge.mostBytes).toBeLessThan(1024 * 1024 + 100_000)
  expect(host.countOf('ack')).toBeGreaterThan(20)
  expect(bridge.isWaiting).toBe(false)
})

test('many small messages are acknowledged by count', async () => {
  const process = host.start('p')
  let count = 0
  await page.onStdout('p', () => count++)
  for (let index = 1; index <= 300; index++) {
    process.print('x')
    await until(() => count === index)
  }
  expect(host.bridge('p').batches).toBeGreaterThan(256)
  expect(host.bridge('p').mostBatches).toBeLessThanOrEqual(64)
})

test('a small amount is acknowledged once, after a delay', async () => {
  const process = host.start('p')
  let count = 0
  await page.onStdout('p', () => count++)
  for (let index = 1; index <= 5; index++) {
    process.print('x')
    await until(() => count === index)
  }
  expect(host.bridge('p').unacked).not.toEqual([])
  await until(() => host.bridge('p').unacked.length === 0)
  expect(host.countOf('ack')).toBe(1)
})

test('a failed acknowledgement is retried with the next message', async () => {
  const process = host.start('p')
  let count = 0
  await page.onStdout('p', () => count++)
  let failures = 0
  host.overrides.set('ack', () => {
    failures++
    host.overrides.delete('ack')
    throw new Error('lost')
  })
  process.print(...Array.from({ length: 5 }, () => 'x'.repeat(65_000)))
  await until(() => count === 5)
  await idle()
  process.print('y')
  await until(() => count === 6)
  expect(failures).toBe(1)
  expect(host.bridge('p').unacked).toEqual([])
})

test('a lost acknowledgement is retried without another message', async () => {
  const process = host.start('p')
  let count = 0
  let lost = 0
  // All acknowledgements of the first window, and the first retries.
  host.fault = (command) => (command === 'ack' && lost++ < 6 ? 'lost' : 0)
  await page.onStdout('p', () => count++)
  process.print(...Array.from({ length: 40 }, () => 'x'.repeat(65_000)))
  await until(() => count === 40, 'the rest of the output')
  expect(host.bridge('p').mostBytes).toBeLessThan(1024 * 1024 + 131_072)
  expect(lost).toBeGreaterThan(6)
}, 120_000)

test('a refused acknowledgement is reported and not retried', async () => {
  const process = host.start('p')
  const report = vi.fn()
  vi.stubGlobal('reportError', report)
  host.overrides.set('ack', () => {
    throw 'plugin:js|ack not allowed by ACL'
  })
  await page.onStdout('p', () => {})
  process.print('x')
  await until(() => report.mock.calls.length === 1)
  expect(report.mock.calls[0]![0]).toMatchObject({ kind: 'notAllowed' })
  await idle(100)
  expect(host.countOf('ack')).toBe(1)
  vi.unstubAllGlobals()
})
