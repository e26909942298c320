// What a page keeps does not grow with the names that it meets and the calls that it makes.
import { beforeEach, expect, test, vi } from 'vitest'
import { IdFilter } from '../src/ids.ts'
import { keepPosition, takePosition } from '../src/resume.ts'
import { FakeHost } from './support/host.ts'
import { load, rejection, until, type Page } from './support/page.ts'

let host: FakeHost
let page: Page

beforeEach(async () => {
  sessionStorage.clear()
  host = new FakeHost()
  page = await load(host)
})

test('every id that was given out is found again, and few others are', () => {
  const ids = new IdFilter()
  expect(ids.has('none yet')).toBe(false)
  const own = Array.from({ length: 10_000 }, (_, index) => `${index.toString(16)}-callback`)
  for (const id of own) ids.add(id)
  expect(own.filter((id) => !ids.has(id))).toEqual([])
  const foreign = Array.from({ length: 10_000 }, (_, index) => `foreign ${index}`)
  expect(foreign.filter((id) => ids.has(id)).length).toBeLessThan(500)
})

test('writers of processes that were not written to for long are let go', async () => {
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

test('the positions of a thousand processes are remembered, those of the latest', () => {
  const position = { generation: 1, seq: 1, startedAt: null }
  for (let index = 0; index < 1_001; index++) keepPosition(`p${index}`, position)
  expect(takePosition('p0')).toBeNull()
  expect(takePosition('p1')).toEqual(position)
})

test.each(['read', 'subscribe'])(
  'frames that nobody takes by %s end the connection when they are too many',
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
    const frame = JSON.stringify({ t: 'q', id: '1', p: ['x'.repeat(60_000)] })
    for (let sent = 0; errors.length === 0 && sent < 1_000; sent++) {
      process.print(frame)
      if (sent % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await until(() => errors.length > 0, 'the end of the connection')
    expect(errors).toMatchObject([{ kind: 'overflow', processName: 'p' }])
  },
)

test('a Channel that was refused is forgotten', async () => {
  const internals = (window as unknown as { __TAURI_INTERNALS__: object }).__TAURI_INTERNALS__
  const forgotten = vi.spyOn(
    internals as { unregisterCallback(id: number): void },
    'unregisterCallback',
  )
  for (const command of ['attach', 'watch']) {
    host.overrides.set(command, () => {
      throw `plugin:js|${command} not allowed by ACL`
    })
  }
  await rejection(page.onStdout('p', () => {}))
  expect(forgotten).toHaveBeenCalledTimes(1)
  await rejection(page.watchProcesses(() => {}))
  expect(forgotten).toHaveBeenCalledTimes(2)
})
