/** A build without the embedded engine: child processes work, and the page names the missing feature. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { executable, openApp } from './lib/app.mjs'
import { until } from './lib/processes.mjs'

const children = ['deno', 'bun', 'node']
const feature = /enable the cargo feature "embedded" of tauri-plugin-js/

/** @type {import('./lib/app.mjs').App} */
let app
before(async () => (app = await openApp({ binary: executable('JS_DEMO_APP_WITHOUT_ENGINE') })))
after(() => app?.close())

test('the executable is under 100 MiB', () => {
  const megabytes = statSync(executable('JS_DEMO_APP_WITHOUT_ENGINE')).size / 1024 / 1024
  // In a debug build, V8 and Deno take several times as much.
  assert.ok(megabytes < 100, `${Math.round(megabytes)} MiB`)
})

test('the engine is listed as unavailable, and every child runtime as available', async () => {
  const runtimes = await app.run((js) => js.detectRuntimes())
  assert.deepEqual(runtimes[0], { name: 'embedded', path: null, version: null, available: false })
  const found = runtimes.slice(1).map(({ name, available }) => ({ name, available }))
  assert.deepEqual(
    found,
    children.map((name) => ({ name, available: true })),
  )
})

for (const runtime of children) {
  test(`${runtime}: starts, answers, calls back and ends`, async () => {
    const seen = await app.run(async (js, name) => {
      const info = await js.spawn(name)
      const worker = await js.worker(name)
      const system = await worker.getSystemInfo()
      /** @type {number[]} */
      const ticks = []
      await worker.count(5, (tick) => ticks.push(tick))
      const sum = await worker.add(2, 40)
      await js.kill(name)
      return { info, system, ticks, sum, end: await js.getStatus(name) }
    }, runtime)
    assert.deepEqual([seen.info.runtime, seen.system.runtime, seen.sum], [runtime, runtime, 42])
    assert.ok(seen.info.pid !== null)
    assert.deepEqual(seen.ticks, [1, 2, 3, 4, 5])
    const { state } = seen.end
    assert.equal(state.state === 'exited' && state.reason.kind, 'killed')
  })
}

test('the error for an embedded backend names the missing feature', async () => {
  const refused = await app.run(async (js) => {
    /** @param {Promise<unknown>} start */
    const refusal = (start) =>
      start.then(
        () => ({ kind: 'started', message: '' }),
        ({ kind, message }) => ({ kind: String(kind), message: String(message) }),
      )
    return {
      declared: await refusal(js.spawn('embedded')),
      ensured: await refusal(js.ensure('embedded')),
      own: await refusal(js.spawn('scratch-1', { script: 'worker', runtime: 'embedded' })),
    }
  })
  for (const [label, { kind, message }] of Object.entries(refused)) {
    assert.equal(kind, 'runtimeUnavailable', label)
    assert.match(message, /^runtime not available: embedded/, label)
    assert.match(message, feature, label)
  }
  const { state } = await app.run((js) => js.getStatus('embedded'))
  assert.ok(state.state === 'exited' && state.reason.kind === 'startFailed')
  assert.match(state.reason.message, feature)
})

test('auto selects a child process for declared, autostarted and undeclared backends', async () => {
  const seen = await app.run(async (js) => {
    const phoenix = await js.spawn('phoenix')
    const own = await js.spawn('scratch-2', { script: 'worker' })
    const sums = []
    for (const name of ['worker', 'phoenix', 'scratch-2']) {
      sums.push(await (await js.worker(name)).add(20, 22))
    }
    const early = await js.getStatus('worker')
    await js.kill('phoenix')
    await js.kill('scratch-2')
    return { early, phoenix, own, sums }
  })
  for (const info of [seen.early, seen.phoenix, seen.own]) {
    assert.deepEqual([info.name, info.runtime], [info.name, 'deno'])
    assert.ok(info.pid !== null, info.name)
  }
  assert.deepEqual(seen.sums, [42, 42, 42])
})

/**
 * The text content of an element, including clipped text.
 * @param {string} id
 */
const textOf = async (id) => {
  await app.find(id)
  const css = `[data-testid="${id}"]`
  return app.session.execute((css) => document.querySelector(css)?.textContent ?? '', css)
}

test('the page marks the engine as missing, names the cargo feature and offers the other runtimes', async () => {
  await app.click('runtimes')
  assert.match(await textOf('runtime-embedded'), /Not in this build[^]*cargo feature "embedded"/)
  await app.session.execute(() => document.querySelector('dialog')?.close())

  await app.click('start')
  assert.match(await textOf('start-embedded'), /not in this build/)
  assert.match(await textOf('engine-note'), /cargo feature "embedded"/)
  await app.click('start-bun')
  await app.stateIs('bun', 'running')

  await app.click('process-bun')
  await app.click('tab-faults')
  assert.match(await textOf('view'), /Embedded backends[^]*not in this build/)
  await app.click('tab-playground')
  await app.click('compare')
  const states = () =>
    app.session.execute(() =>
      [...document.querySelectorAll('[data-testid^="lane-"]')].map((lane) =>
        lane.getAttribute('data-state'),
      ),
    )
  const done = async () => (await states()).filter((state) => state === 'done').length === 3
  await until(done, 'the comparison of the children')
  assert.equal((await states())[0], 'unavailable')
})

test('the page violates no policy', async () => {
  assert.deepEqual(await app.run(async (js) => js.problems), [])
})
