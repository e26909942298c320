/** Pages come, reload and go; the backends stay as they are. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openApp } from './lib/app.mjs'

/** @type {import('./lib/app.mjs').App} */
let app
before(async () => (app = await openApp()))
after(() => app?.close())

test('a page that is reloaded in the middle of a stream misses nothing and sees nothing twice', async () => {
  const lines = 400
  await app.run(async (js, lines) => {
    await js.ensure('embedded')
    await js.note('embedded')
    const worker = await js.worker('embedded')
    // It goes on while the page reloads; its answer reaches nobody.
    void worker.stream(lines, 5, () => {}).catch(() => {})
    while (js.noted().flat().length < lines / 8) await new Promise((next) => setTimeout(next, 10))
  }, lines)
  await app.session.reload()
  await app.loaded()
  const [before, since, ...more] = await app.run(async (js, lines) => {
    // Each item is a line, and the answer is one more.
    while (Math.max(...js.noted().flat()) < lines) await new Promise((next) => setTimeout(next, 20))
    const noted = js.noted()
    js.forget()
    return noted
  }, lines)

  assert.ok(before && since && more.length === 0, 'one list for each page')
  assert.ok(before.length >= lines / 8)
  // Listeners begin with what is known from before: the second page has it all.
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

test('a backend answers the reloaded page, with what that one has asked for and nothing else', async () => {
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

test('two windows use one backend at the same time', async () => {
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

test('what another window does shows in the list of this one', async () => {
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
      const look = setInterval(() => {
        if (states.at(-1) !== 'exited') return
        clearInterval(look)
        stop()
        resolve(states)
      }, 50)
    })
  })
  assert.deepEqual(states, ['exited'])
})

test('events for old listeners reach the windows that may see the backend, and no others', async () => {
  const first = await app.run(async (js) => {
    await js.ensure('embedded')
    js.heard.length = 0
    await (await js.worker('embedded')).flood(3)
    while (js.heard.length < 3) await new Promise((next) => setTimeout(next, 20))
    return js.heard
  })
  const lines = [1, 2, 3].map((n) => `js-process-stderr embedded line ${n} of 3`)
  assert.deepEqual(first, lines)

  // While a window is open that may not, they go another way.
  const { mine, theirs } = await app.run(async (js) => {
    await js.openStranger()
    await js.heardBy('stranger')
    js.heard.length = 0
    await (await js.worker('embedded')).flood(3)
    await js.kill('embedded')
    while (!js.heard.some((event) => event.startsWith('js-process-exit'))) {
      await new Promise((next) => setTimeout(next, 20))
    }
    return { mine: js.heard, theirs: await js.heardBy('stranger') }
  })
  assert.deepEqual(mine, [
    ...lines,
    'js-process-state embedded ',
    'js-process-state embedded ',
    'js-process-exit embedded ',
  ])
  assert.deepEqual(theirs, [])
})
