/** Several windows, and reloads: backends are unaffected. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openApp } from './lib/app.mjs'

/** @type {import('./lib/app.mjs').App} */
let app
before(async () => (app = await openApp()))
after(() => app?.close())

test('a page that reloads during a stream gets every event exactly once per load', async () => {
  const lines = 400
  await app.run(async (js, lines) => {
    await js.ensure('embedded')
    await js.record('embedded')
    // Without a connection, so that the backend does not end it with the page.
    const callback = 'e2e'
    const request = {
      id: 'e2e',
      type: 'request',
      method: 'stream',
      args: [lines, 5, `__callback__${callback}`],
      callbackIds: [callback],
      version: 'json',
    }
    await js.writeStdin('embedded', JSON.stringify(request) + '\n')
    while (js.recorded().flat().length < lines / 8)
      await new Promise((next) => setTimeout(next, 10))
  }, lines)
  await app.session.reload()
  await app.loaded()
  const [before, since, ...more] = await app.run(async (js, lines) => {
    // One line per item, and one for the response.
    while (Math.max(...js.recorded().flat()) < lines) {
      await new Promise((next) => setTimeout(next, 20))
    }
    const recorded = js.recorded()
    js.stopRecording()
    return recorded
  }, lines)

  assert.ok(before && since && more.length === 0, 'one list per load')
  assert.ok(before.length >= lines / 8)
  // Listeners get the history first, so both loads have all events.
  for (const seqs of [before, since]) {
    const first = Number(seqs[0])
    assert.deepEqual(
      seqs,
      Array.from(seqs, (_, index) => first + index),
    )
  }
  assert.equal(since[0], before[0])
  assert.ok(Number(since.at(-1)) >= lines && Number(before.at(-1)) < lines)
})

test('a reloaded page gets the responses to its own calls only', async () => {
  const earlier = await app.run(async (js) => {
    const worker = await js.worker('embedded')
    void worker.stream(200, 5, () => {}).catch(() => {})
    return js.getStatus('embedded')
  })
  await app.session.reload()
  await app.loaded()
  const { items, status } = await app.run(async (js) => {
    const worker = await js.worker('embedded')
    /** @type {number[]} */
    const items = []
    await worker.stream(50, 2, (item) => void items.push(item))
    return { items, status: await js.getStatus('embedded') }
  })
  assert.deepEqual(
    items,
    Array.from({ length: 50 }, (_, n) => n + 1),
  )
  assert.equal(status.generation, earlier.generation)
})

test('two windows use one backend concurrently', async () => {
  const seen = await app.run(async (js) => {
    const other = await js.openWindow()
    const worker = await js.worker('worker')
    const [mine, theirs] = await Promise.all([
      Promise.all(Array.from({ length: 50 }, (_, n) => worker.add(n, 1))),
      js.callFrom(other, 'worker', 'add', [20, 22]),
    ])
    const system = /** @type {{ pid: number }} */ (
      await js.callFrom(other, 'worker', 'getSystemInfo', [])
    )
    return { other, mine, theirs, same: system.pid === (await worker.getSystemInfo()).pid }
  })
  assert.match(seen.other, /^window-\d+$/)
  assert.deepEqual(
    seen.mine,
    Array.from({ length: 50 }, (_, n) => n + 1),
  )
  assert.deepEqual([seen.theirs, seen.same], [42, true])
})

test('a window sees state changes caused by another window', async () => {
  const states = await app.run(async (js) => {
    const other = await js.openWindow()
    await js.ensure('node')
    /** @type {string[]} */
    const states = []
    const stop = await js.watchProcesses((message) => {
      if (message.kind === 'process' && message.process.name === 'node') {
        states.push(message.process.state.state)
      }
    })
    await js.callFrom(other, 'node', 'exit', [3]).catch(() => {})
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        if (states.at(-1) !== 'exited') return
        clearInterval(timer)
        stop()
        resolve(states)
      }, 50)
    })
  })
  assert.deepEqual(states, ['exited'])
})

test('js-process events reach only windows that may see the backend', async () => {
  const first = await app.run(async (js) => {
    await js.ensure('embedded')
    js.received.length = 0
    await (await js.worker('embedded')).flood(3)
    while (js.received.length < 3) await new Promise((next) => setTimeout(next, 20))
    return js.received
  })
  const lines = [1, 2, 3].map((n) => `js-process-stderr embedded line ${n} of 3`)
  assert.deepEqual(first, lines)

  // With an unauthorized window open, the plugin emits events per window.
  const { mine, theirs } = await app.run(async (js) => {
    await js.openStranger()
    await js.receivedBy('stranger')
    js.received.length = 0
    await (await js.worker('embedded')).flood(3)
    await js.kill('embedded')
    while (!js.received.some((event) => event.startsWith('js-process-exit'))) {
      await new Promise((next) => setTimeout(next, 20))
    }
    return { mine: js.received, theirs: await js.receivedBy('stranger') }
  })
  assert.deepEqual(mine, [
    ...lines,
    'js-process-state embedded ',
    'js-process-state embedded ',
    'js-process-exit embedded ',
  ])
  assert.deepEqual(theirs, [])
})
