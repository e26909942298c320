/** However the app ends, nothing of it is left. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openApp } from './lib/app.mjs'

/**
 * Starts the app with a backend on every runtime; they are busy when the app ends.
 * @param {import('node:test').TestContext} t
 */
async function busyApp(t) {
  const app = await openApp()
  t.after(app.close)
  const children = await app.run(async (js) => {
    const pids = []
    for (const name of ['embedded', 'deno', 'bun', 'node']) {
      pids.push((await js.spawn(name)).pid)
      const worker = await js.worker(name)
      void worker.stream(1_000_000, 5, () => {}).catch(() => {})
    }
    return pids.filter((pid) => pid !== null)
  })
  assert.equal(children.length, 3)
  const live = app.processes().map(({ pid }) => pid)
  assert.ok(children.every((pid) => live.includes(pid)))
  return app
}

test('closing the window ends every backend with the app', async (t) => {
  const app = await busyApp(t)
  // The window may be gone before it has answered.
  await app.run((js) => js.closeWindow()).catch(() => {})
  await app.gone()
})

test('an app that is killed leaves nothing behind', async (t) => {
  const app = await busyApp(t)
  app.kill()
  await app.gone()
})
