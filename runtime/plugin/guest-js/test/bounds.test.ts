// Bounds on the memory of a page.
import { beforeEach, expect, test, vi } from 'vitest'
import { BloomFilter } from '../src/bloom-filter.ts'
import { storePosition, takePosition } from '../src/positions.ts'
import { FakeHost } from './support/host.ts'
import { load, rejection, until, type Page } from './support/page.ts'

let host: FakeHost
let page: Page

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  page = await load(host)
})

test('the filter finds every added id and few others', () => {
  const ids = new BloomFilter()
  expect(ids.has('none yet')).toBe(false)
  const own = Array.from({ length: 10_000 }, (_, index) => `${index.toString(16)}-callback`)
  for (const id of own) ids.add(id)
  expect(own.filter((id) => !ids.has(id))).toEqual([])
  const foreign = Array.from({ length: 10_000 }, (_, index) => `foreign ${index}`)
  expect(foreign.filter((id) => ids.has(id)).length).toBeLessThan(500)
})

test('idle writers are evicted', async () => {
  const names = ['first', ...Array.from({ length: 70 }, (_, index) => `p${index}`), 'first']
  for (const name of names) {
    host.start(name)
    await page.writeStdin(name, 'x')
  }
  const writers = host.calls.map(({ args }) => args['js-writer'])
  expect(new Set(writers).size).toBe(names.length)
  await page.writeStdin('first', 'x')
  expect(host.calls.at(-1)!.args['js-writer']).toBe(writers.at(-1))
})

test('positions of the latest thousand processes are stored', () => {
  const position = { generation: 1, seq: 1, startedAt: null }
  for (let index = 0; index < 1_001; index++) storePosition(`p${index}`, position)
  expect(takePosition('p0')).toBeNull()
  expect(takePosition('p1')).toEqual(position)
})

test.each(['read', 'subscribe'])(
  'too many frames that %s does not consume end the connection',
  async (how) => {
    const process = host.start('p')
    const errors: unknown[] = []
    if (how === 'read') {
      const io = new page.JsRuntimeIo('p')
      io.on('error', (error) => errors.push(error))
      await io.initialize()
    } else {
      const transport = await page.jsRuntimeTransport('p')
      transport.onClose((reason) => errors.push(reason))
    }
    const args = ['x'.repeat(60_000)]
    const classic = { id: '1', method: 'f', args, type: 'request' }
    const frame = JSON.stringify(how === 'read' ? classic : { t: 'q', id: '1', p: args })
    for (let sent = 0; errors.length === 0 && sent < 1_000; sent++) {
      process.print(frame)
      if (sent % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await until(() => errors.length > 0, 'the end of the connection')
    expect(errors).toMatchObject([{ kind: 'overflow', processName: 'p' }])
  },
)

test('a refused Channel is unregistered', async () => {
  const internals = (window as unknown as { __TAURI_INTERNALS__: object }).__TAURI_INTERNALS__
  const unregistered = vi.spyOn(
    internals as { unregisterCallback(id: number): void },
    'unregisterCallback',
  )
  for (const command of ['attach', 'watch']) {
    host.overrides.set(command, () => {
      throw `plugin:js|${command} not allowed by ACL`
    })
  }
  await rejection(page.onStdout('p', () => {}))
  expect(unregistered).toHaveBeenCalledTimes(1)
  await rejection(page.watchProcesses(() => {}))
  expect(unregistered).toHaveBeenCalledTimes(2)
})
