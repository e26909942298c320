/** The page, controlled by its buttons. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openApp } from './lib/app.mjs'
import { until } from './lib/processes.mjs'

/** @type {import('./lib/app.mjs').App} */
let app
before(async () => (app = await openApp()))
after(() => app?.close())

test('the list shows the backend with autostart', async () => {
  await app.stateIs('worker', 'running')
})

test('the menu starts a backend, and the playground calls it', async () => {
  await app.click('start')
  await app.click('start-embedded')
  await app.stateIs('embedded', 'running')
  await app.click('process-embedded')
  await app.click('tab-playground')
  await app.click('call')
  await until(async () => (await app.text('result')).includes('hello'), 'the echo is shown')
})

test('the list shows a crash, and a button restarts the backend', async () => {
  await app.click('tab-faults')
  await app.click('fault-crash')
  await app.stateIs('embedded', 'error')
  await app.click('restart')
  await app.stateIs('embedded', 'running')
})

test('the console shows log lines', async () => {
  await app.run(async (js) => (await js.worker('embedded')).flood(1_000))
  await app.click('tab-console')
  await until(
    async () => (await app.text('console')).includes('line 1000 of 1000'),
    'the last line is shown',
  )
})

test('output needs no fetch requests, and many lines share an acknowledgement', async () => {
  const requests = await app.run(async (js) => {
    const worker = await js.worker('embedded')
    /** @type {string[]} */
    const requested = []
    // The performance timeline does not list commands.
    const { fetch } = window
    window.fetch = (input, init) => {
      requested.push(decodeURIComponent(String(input)))
      return fetch(input, init)
    }
    await worker.flood(5_000)
    await js.listProcesses()
    window.fetch = fetch
    return requested.map((address) => address.split('|')[1] ?? '')
  })
  assert.ok(requests.includes('list_processes'), 'commands are recorded')
  const count = (/** @type {string} */ name) =>
    requests.filter((command) => command === name).length
  assert.equal(count('fetch'), 0)
  assert.ok(count('ack') < 100, `${count('ack')} acknowledgements of 5000 lines`)
})

test('kill all ends every backend', async () => {
  await app.click('kill-all')
  await app.click('confirm-kill-all')
  await app.stateIs('embedded', 'killed')
  await app.stateIs('worker', 'killed')
})

test('the page is drawn and violates no policy', async () => {
  const screenshot = await app.session.screenshot()
  assert.deepEqual(
    [...screenshot.subarray(1, 4)].map((byte) => String.fromCharCode(byte)).join(''),
    'PNG',
  )
  assert.ok(screenshot.length > 10_000, `a screenshot of ${screenshot.length} bytes`)
  assert.deepEqual(await app.run(async (js) => js.problems), [])
})
