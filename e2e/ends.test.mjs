/** The end of the app leaves no process behind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openApp } from './lib/app.mjs'

/**
 * Starts the app with a busy backend on every runtime.
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
  const running = app.processes().map(({ pid }) => pid)
  assert.ok(children.every((pid) => running.includes(pid)))
  return app
}

test('closing the window ends the app and every backend', async (t) => {
  const app = await busyApp(t)
  // The window may close before it answers.
  await app.run((js) => js.closeWindow()).catch(() => {})
  await app.gone()
})

test('killing the app leaves no process behind', async (t) => {
  const app = await busyApp(t)
  app.kill()
  await app.gone()
})
