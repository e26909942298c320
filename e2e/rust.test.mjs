/** The app's Rust code calls backends, and backends call the app's Rust code. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { openApp } from './lib/app.mjs'
import { until } from './lib/processes.mjs'

/** @param {string} path */
const readJson = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
const { productName, identifier } = readJson('../src-tauri/tauri.conf.json')
const { version } = readJson('../package.json')

/** @type {import('./lib/app.mjs').App} */
let app
before(async () => (app = await openApp()))
after(() => app?.close())

/**
 * Clicks a button of the playground and waits until an element shows a text.
 * @param {string} button
 * @param {string} id
 * @param {string} text
 */
async function clickUntil(button, id, text) {
  await app.click(button)
  await until(async () => (await app.text(id)).includes(text), `${id} shows "${text}"`)
}

/** @param {string} name */
async function showPlayground(name) {
  await app.run((js, name) => js.ensure(name), name)
  await app.stateIs(name, 'running')
  await app.click(`process-${name}`)
  await app.click('tab-playground')
}

for (const [name, label] of Object.entries({ embedded: 'Embedded', bun: 'Bun' })) {
  test(`${name}: the page shows a stream that Rust reads, and what the backend asks Rust`, async () => {
    await showPlayground(name)
    await clickUntil('count-primes', 'primes', '78,498 primes in 50 messages')
    await until(async () => (await app.text('primes')).includes(`from ${label} `), 'the runtime')
    await clickUntil('ask-app', 'app-info', `${productName} ${version}`)
    assert.ok((await app.text('app-info')).includes(identifier))
  })
}

test('Rust calls the next generation of a backend after a restart', async () => {
  await showPlayground('embedded')
  const generations = await app.run(async (js) => {
    const before = await js.getStatus('embedded')
    const after = await js.restart('embedded')
    return { before: before.generation, after: after.generation }
  })
  assert.equal(generations.after, generations.before + 1)
  await app.stateIs('embedded', 'running')
  await clickUntil('count-primes', 'primes', '78,498 primes in 50 messages')
  await clickUntil('ask-app', 'app-info', `${productName} ${version}`)
})

test('a backend on each runtime gets the answer of Rust, whichever windows are open', async () => {
  const answers = await app.run(async (js) => {
    const other = await js.openWindow()
    const answers = []
    for (const name of ['embedded', 'deno', 'bun', 'node']) {
      await js.ensure(name)
      answers.push(await (await js.worker(name)).appInfo())
      answers.push(await js.callFrom(other, name, 'appInfo', []))
    }
    return answers
  })
  assert.equal(answers.length, 8)
  for (const answer of answers) {
    const { tauri, ...named } = /** @type {import('../backends/shared-api.ts').AppInfo} */ (answer)
    assert.deepEqual(named, { name: productName, version, identifier })
    assert.match(tauri, /^2\.\d+\.\d+$/)
  }
})
