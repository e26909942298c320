import { beforeEach, expect, test, vi } from 'vitest'
import { FakeHost } from './support/host.ts'
import { load, settled, until, type Page } from './support/page.ts'

let host: FakeHost
let page: Page

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  page = await load(host)
})

test('what was handled is acknowledged, so that the process never waits for long', async () => {
  const process = host.start('p')
  let count = 0
  await page.onStdout('p', () => count++)
  for (let burst = 0; burst < 40; burst++) {
    process.print(...Array.from({ length: 10 }, () => 'x'.repeat(20_000)))
    await settled(1)
  }
  await until(() => count === 400)
  const bridge = host.bridge('p')
  expect(bridge.mostBytes).toBeLessThan(1024 * 1024 + 100_000)
  expect(host.countOf('ack')).toBeGreaterThan(20)
  expect(bridge.isWaiting).toBe(false)
})

test('many small messages are acknowledged by their number', async () => {
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

test('little is acknowledged too, after a moment and in one go', async () => {
  const process = host.start('p')
  let count = 0
  await page.onStdout('p', () => count++)
  for (let index = 1; index <= 5; index++) {
    process.print('x')
    await until(() => count === index)
  }
  expect(host.bridge('p').sent).not.toEqual([])
  await until(() => host.bridge('p').sent.length === 0)
  expect(host.countOf('ack')).toBe(1)
})

test('an acknowledgement that fails is repeated with the next message', async () => {
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
  await settled()
  process.print('y')
  await until(() => count === 6)
  expect(failures).toBe(1)
  expect(host.bridge('p').sent).toEqual([])
})

test('acknowledgements that are lost are repeated although no message follows', async () => {
  const process = host.start('p')
  let count = 0
  let lost = 0
  // All that the first window gives rise to, and the first repetitions.
  host.fault = (command) => (command === 'ack' && lost++ < 6 ? 'lost' : 0)
  await page.onStdout('p', () => count++)
  process.print(...Array.from({ length: 40 }, () => 'x'.repeat(65_000)))
  await until(() => count === 40, 'the rest of the output')
  expect(host.bridge('p').mostBytes).toBeLessThan(1024 * 1024 + 131_072)
  expect(lost).toBeGreaterThan(6)
}, 120_000)

test('an acknowledgement that is refused is reported and not repeated by itself', async () => {
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
  await settled(100)
  expect(host.countOf('ack')).toBe(1)
  vi.unstubAllGlobals()
})
