/** The page itself, as a person uses it: by its buttons. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openApp } from './lib/app.mjs'
import { until } from './lib/processes.mjs'

/** @type {import('./lib/app.mjs').App} */
let app
before(async () => (app = await openApp()))
after(() => app?.close())

test('the backend that starts with the app is in the list', async () => {
  await app.stateIs('worker', 'running')
})

test('a backend is started from the menu and answers in the playground', async () => {
  await app.click('start')
  await app.click('start-embedded')
  await app.stateIs('embedded', 'running')
  await app.click('process-embedded')
  await app.click('tab-playground')
  await app.click('call')
  await until(async () => (await app.text('result')).includes('hello'), 'the echo is shown')
})

test('a crash shows in the list, and a click starts the backend again', async () => {
  await app.click('tab-faults')
  await app.click('fault-crash')
  await app.stateIs('embedded', 'error')
  await app.click('restart')
  await app.stateIs('embedded', 'running')
})

test('log lines are in the console', async () => {
  await app.run(async (js) => (await js.worker('embedded')).flood(1_000))
  await app.click('tab-console')
  await until(
    async () => (await app.text('console')).includes('line 1000 of 1000'),
    'the last line is shown',
  )
})

test('what a backend prints comes without requests, and many lines share an acknowledgement', async () => {
  const requests = await app.run(async (js) => {
    const worker = await js.worker('embedded')
    /** @type {string[]} */
    const seen = []
    // Commands are no resources that the page's performance timeline would list.
    const { fetch } = window
    window.fetch = (input, init) => {
      seen.push(decodeURIComponent(String(input)))
      return fetch(input, init)
    }
    await worker.flood(5_000)
    await js.listProcesses()
    window.fetch = fetch
    return seen.map((address) => address.split('|')[1] ?? '')
  })
  assert.ok(requests.includes('list_processes'), 'requests are seen')
  const count = (/** @type {string} */ name) =>
    requests.filter((command) => command === name).length
  assert.equal(count('fetch'), 0)
  assert.ok(count('ack') < 100, `${count('ack')} acknowledgements of 5000 lines`)
})

test('all are killed at once', async () => {
  await app.click('kill-all')
  await app.click('confirm-kill-all')
  await app.stateIs('embedded', 'killed')
  await app.stateIs('worker', 'killed')
})

test('the page has drawn something and nothing was against its policy', async () => {
  const picture = await app.session.screenshot()
  assert.deepEqual(
    [...picture.subarray(1, 4)].map((byte) => String.fromCharCode(byte)).join(''),
    'PNG',
  )
  assert.ok(picture.length > 10_000, `a picture of ${picture.length} bytes`)
  assert.deepEqual(await app.run(async (js) => js.problems), [])
})
