// Tauri's `app.security.freezePrototype`: assigning to an inherited name throws in strict code.
import { expect, test } from 'vitest'
import { FakeHost } from './support/host.ts'
import { load, rejection, idle, until } from './support/page.ts'
import { serveClassic } from './support/workers.ts'

test('the package works with a frozen Object.prototype', async () => {
  const host = new FakeHost()
  const page = await load(host)
  const process = host.start('toString')
  serveClassic(process, { add: (a: number, b: number) => a + b })
  Object.freeze(Object.prototype)
  const lines: string[] = []
  await page.onStdout('toString', (line) => lines.push(line))
  const { api } = await page.createChannel<object, { add(a: number, b: number): Promise<number> }>(
    'toString',
    { constructor: () => {} },
    { timeout: 100_000 },
  )
  expect(await api.add(1, 2)).toBe(3)
  await until(() => lines.length > 0)
  process.exit(1)
  await idle()
  expect((await rejection(api.add(1, 2))).message).toContain('exited with code 1')
  expect(await rejection(page.getStatus('hasOwnProperty'))).toMatchObject({ kind: 'notFound' })
  window.dispatchEvent(new Event('pagehide'))
})
