/** Faults of backends do not affect the app, and refused actions have no effect. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openApp } from './lib/app.mjs'

/** @type {import('./lib/app.mjs').App} */
let app
before(async () => (app = await openApp()))
after(() => app?.close())

/** Asserts that the page and another backend still work. */
async function assertOthersWork() {
  const sum = await app.run(async (js) => (await js.worker('worker')).add(1, 1))
  assert.equal(sum, 2)
}

/**
 * Starts a backend, calls a method that ends it, and returns its status after the exit.
 * @param {string} name
 * @param {'abort' | 'allocate' | 'crash'} method
 */
function exitStatusAfter(name, method) {
  return app.run(
    async (js, name, method) => {
      await js.ensure(name)
      const worker = await js.worker(name)
      const ended = new Promise((resolve) => void js.onExit(name, resolve))
      void worker[method]().catch(() => {})
      await ended
      return js.getStatus(name)
    },
    name,
    method,
  )
}

for (const runtime of ['embedded', 'deno', 'bun', 'node']) {
  test(`${runtime}: a crash ends only the backend, which can be restarted`, async () => {
    const { state, generation } = await exitStatusAfter(runtime, 'crash')
    assert.ok(state.state === 'exited' && state.code !== 0)
    if (runtime === 'embedded') {
      assert.equal(state.reason.kind, 'error')
      assert.match(JSON.stringify(state.reason), /crashed on request/)
    }
    const again = await app.run(async (js, name) => {
      const info = await js.restart(name)
      const sum = await (await js.worker(name)).add(20, 22)
      await js.kill(name)
      return { generation: info.generation, sum }
    }, runtime)
    assert.deepEqual(again, { generation: generation + 1, sum: 42 })
    await assertOthersWork()
  })
}

test('embedded: abort, a full heap and an endless loop end only the backend', async () => {
  const { state: aborted } = await exitStatusAfter('embedded', 'abort')
  assert.equal(aborted.state, 'exited')
  await assertOthersWork()

  const { state: full } = await exitStatusAfter('embedded', 'allocate')
  assert.equal(full.state === 'exited' && full.reason.kind, 'heapLimit')
  await assertOthersWork()

  const looped = await app.run(async (js) => {
    await js.ensure('embedded')
    const worker = await js.worker('embedded')
    void worker.loop().catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 200))
    await js.kill('embedded')
    return js.getStatus('embedded')
  })
  // A process that does not end after a kill would report `unresponsive`.
  assert.equal(looped.state.state === 'exited' && looped.state.reason.kind, 'killed')
  await assertOthersWork()
})

test('a blocked backend is shown as not responding, can be killed and restarted', async () => {
  await app.run((js) => js.ensure('embedded'))
  await app.stateIs('embedded', 'running')
  await app.click('process-embedded')
  await app.click('tab-faults')
  await app.click('fault-loop')
  await app.stateIs('embedded', 'not responding')
  const blocked = await app.run((js) => js.getStatus('embedded'))
  assert.deepEqual([blocked.state.state, blocked.running], ['unresponsive', true])
  await assertOthersWork()

  await app.click('kill')
  await app.stateIs('embedded', 'killed')
  await app.click('restart')
  await app.stateIs('embedded', 'running')
  const sum = await app.run(async (js) => (await js.worker('embedded')).add(20, 22))
  assert.equal(sum, 42)
  await app.run((js) => js.kill('embedded'))
})

test('a backend with a restart policy restarts after a crash', async () => {
  const { generation, sum } = await app.run(async (js) => {
    const first = await js.spawn('phoenix')
    await (await js.worker('phoenix')).crash()
    for (;;) {
      const status = await js.getStatus('phoenix')
      if (status.generation > first.generation && status.running) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const sum = await (await js.worker('phoenix')).add(1, 2)
    const { generation } = await js.getStatus('phoenix')
    await js.kill('phoenix')
    return { generation, sum }
  })
  assert.deepEqual({ generation, sum }, { generation: 2, sum: 3 })
})

test('every line of a flood arrives while calls continue', async () => {
  const lines = 20_000
  const seen = await app.run(async (js, lines) => {
    await js.ensure('embedded')
    let count = 0
    const stop = await js.onStderr('embedded', (line) => {
      if (line.startsWith('line ')) count++
    })
    const worker = await js.worker('embedded')
    const flooded = await worker.flood(lines)
    for (let waited = 0; count < lines && waited < 100_000; waited += 50) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    stop()
    await js.kill('embedded')
    return { flooded, count }
  }, lines)
  assert.deepEqual(seen, { flooded: lines, count: lines })
})

test('a backend has no permissions by default', async () => {
  const denied = await app.run(async (js) => {
    await js.ensure('embedded')
    const worker = await js.worker('embedded')
    const attempts = [worker.readFile('/etc/hostname'), worker.fetchText('http://127.0.0.1:8000/')]
    const messages = attempts.map((attempt) => attempt.catch((error) => String(error.message)))
    return { messages: await Promise.all(messages), home: await worker.env('HOME') }
  })
  for (const message of denied.messages) assert.match(String(message), /Requires \w+ access/)
  assert.equal(denied.home, null)
})

test('a page starts only what its capability names', async () => {
  const outcome = await app.run(async (js) => {
    const embedded = /** @type {const} */ ({ runtime: 'embedded', script: 'worker' })
    const refused = [
      ['free', embedded],
      ['scratch-1', { ...embedded, runtime: 'node' }],
      ['scratch-1', { ...embedded, env: { SECRET: '1' } }],
      ['scratch-1', { ...embedded, permissions: { all: true } }],
      ['scratch-1', { command: 'sh' }],
    ]
    const kinds = []
    for (const [name, config] of refused) {
      const attempt = js.spawn(/** @type {string} */ (name), /** @type {any} */ (config))
      kinds.push(
        await attempt.then(
          () => 'started',
          ({ kind }) => kind,
        ),
      )
    }
    await js.spawn('scratch-1', embedded)
    const sum = await (await js.worker('scratch-1')).add(2, 3)
    await js.kill('scratch-1')
    return { kinds, sum }
  })
  assert.deepEqual(outcome, { kinds: Array(5).fill('notAllowed'), sum: 5 })
})
