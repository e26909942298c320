/**
 * Takes the screenshots in docs/ from the real app: `JS_DEMO_APP=… node e2e/screenshots.mjs`.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openApp } from './lib/app.mjs'
import { until } from './lib/processes.mjs'

const folder = fileURLToPath(new URL('../docs/', import.meta.url))
const wide = /** @type {const} */ ([1280, 800])
const narrow = /** @type {const} */ ([420, 800])

/** @typedef {import('./lib/app.mjs').App} App */

/** @type {Record<string, (app: App) => Promise<void>>} */
const states = {
  empty: async (app) => {
    await app.run(async (js) => {
      await js.killAll()
      for (const { name } of await js.listProcesses()) await js.remove(name)
    })
    await app.find('welcome-all')
  },
  console: async (app) => {
    await startAll(app)
    await app.run(async (js) => {
      const worker = await js.worker('embedded')
      await worker.flood(300)
      await worker.readFile('/etc/hostname').catch(() => {})
    })
    await app.click('process-embedded')
    await app.click('tab-console')
    // Round trips for the sparklines in the list.
    await sleep(12_000)
  },
  playground: async (app) => {
    await app.click('tab-playground')
    await app.click('repeat-1000')
    await until(async () => (await app.text('result')).includes('1,000'), 'the calls')
    await app.click('compare')
    const lanes = () =>
      app.session.execute(
        () => document.querySelectorAll('[data-testid^="lane-"][data-state="done"]').length,
      )
    await until(async () => (await lanes()) === 4, 'the comparison')
    await app.click('count-primes')
    await until(async () => (await app.text('primes')).includes('78,498'), 'the primes')
    await app.click('ask-app')
    await until(async () => (await app.text('app-info')).includes('Tauri'), 'the app')
  },
  permissions: async (app) => {
    await app.click('tab-permissions')
    await sleep(300)
  },
  faults: async (app) => {
    await app.click('tab-faults')
    await app.click('fault-loop')
    await sleep(1_500)
    await app.click('process-bun')
    await app.click('fault-crash')
    await app.find('fault-report')
    await sleep(2_000)
  },
  runtimes: async (app) => {
    await app.click('runtimes')
    await sleep(500)
  },
  refused: async (app) => {
    await press(app, 'Escape')
    await app.click('start')
    await app.click('start-other')
    const form = `[data-testid="spawn-form"] input`
    const [name, script] = await app.session.findAll(form)
    if (name) await app.session.type(name, 'anything')
    if (script) await app.session.type(script, 'backends/worker.ts')
    await app.click('spawn-submit')
    await sleep(700)
  },
}

const app = await openApp()
try {
  mkdirSync(folder, { recursive: true })
  for (const [name, enterState] of Object.entries(states)) {
    await app.session.resize(...wide)
    await enterState(app)
    for (const theme of ['light', 'dark']) {
      await app.session.execute((theme) => {
        document.documentElement.dataset['theme'] = theme
      }, theme)
      await saveScreenshot(`${name}-${theme}`)
    }
    await app.session.resize(...narrow)
    await sleep(300)
    await saveScreenshot(`${name}-narrow`)
  }
} finally {
  await app.close()
}

/** @param {string} name */
async function saveScreenshot(name) {
  writeFileSync(join(folder, `${name}.png`), await app.session.screenshot())
}

/** @param {App} app */
async function startAll(app) {
  await app.run(async (js) => {
    for (const name of ['embedded', 'deno', 'bun', 'node']) await js.ensure(name)
  })
}

/**
 * @param {App} app
 * @param {string} key
 */
async function press(app, key) {
  await app.session.execute((key) => {
    document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
    document.querySelectorAll('dialog[open]').forEach((dialog) => {
      if (dialog instanceof HTMLDialogElement) dialog.close()
    })
  }, key)
}
