/** The executable alone, in an empty folder and an empty environment, runs its backends. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { executable, openApp } from './lib/app.mjs'
import { mark } from './lib/processes.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What a window and the driver need; nothing else of this environment reaches the app. */
const passed = [mark, 'DISPLAY', 'WEBKIT_INSPECTOR_SERVER', 'TAURI_WEBVIEW_AUTOMATION']

/** @type {string} */
let folder
before(() => (folder = mkdtempSync(join(tmpdir(), 'tauri-js-runtime-one-file-'))))
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))

/** The app in its folder, started by a script that clears the environment. */
function openAlone() {
  const binary = join(folder, 'app')
  copyFileSync(executable(), binary)
  const kept = passed.map((name) => `${name}="$${name}"`).join(' ')
  const home = `HOME='${folder}' XDG_RUNTIME_DIR='${folder}' TMPDIR='${folder}'`
  const command = join(folder, 'start')
  writeFileSync(
    command,
    `#!/bin/sh\ncd '${folder}' && exec /usr/bin/env -i PATH=/nonexistent NO_AT_BRIDGE=1 ${home} ${kept} '${binary}'\n`,
  )
  chmodSync(command, 0o755)
  return openApp({ binary, command })
}

test('embedded backends run with no runtime, no packages and nothing else around', async () => {
  const app = await openAlone()
  try {
    const seen = await app.run(async (js) => {
      const { runtime } = await js.spawn('embedded')
      const worker = await js.worker('embedded')
      const system = await worker.getSystemInfo()
      return { runtime, sum: await worker.add(2, 3), system, home: await worker.env('HOME') }
    })
    assert.deepEqual([seen.runtime, seen.sum, seen.system.runtime], ['embedded', 5, 'embedded'])
    // It is set, and not granted.
    assert.equal(seen.home, null)

    // Declared with a sidecar, which is not there: the module inside the app stands in for it.
    const info = await app.run(async (js) => (await js.spawn('compiled')).runtime)
    assert.equal(info, 'embedded')
  } finally {
    await app.close()
  }
})

test('a sidecar beside the executable comes before the bundled module', async () => {
  const bun = join(root, 'node_modules/.bin/bun')
  const outfile = join(folder, 'compiled-worker')
  execFileSync(
    bun,
    ['build', '--compile', '--outfile', outfile, join(root, 'backends/worker.ts')],
    {
      stdio: 'pipe',
    },
  )
  const app = await openAlone()
  try {
    const seen = await app.run(async (js) => {
      const { runtime, pid } = await js.spawn('compiled')
      const worker = await js.worker('compiled')
      return { runtime, pid, sum: await worker.add(2, 3), system: await worker.getSystemInfo() }
    })
    assert.equal(seen.runtime, null)
    assert.deepEqual([seen.sum, seen.system.runtime, seen.system.pid], [5, 'bun', seen.pid])
  } finally {
    await app.close()
  }
})
