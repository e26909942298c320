/** The executable runs its backends in an empty folder with an empty environment. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { executable, openApp } from './lib/app.mjs'
import { runIdVariable } from './lib/processes.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Variables that the window and the driver need. The app gets no others of this environment. */
const passedVariables = [
  runIdVariable,
  'DISPLAY',
  'WEBKIT_INSPECTOR_SERVER',
  'TAURI_WEBVIEW_AUTOMATION',
]

/** @type {string} */
let folder
before(() => (folder = mkdtempSync(join(tmpdir(), 'tauri-js-runtime-one-file-'))))
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))

/** Copies the app to the folder and starts it by a script that clears the environment. */
function openIsolated() {
  const binary = join(folder, 'app')
  copyFileSync(executable(), binary)
  const variables = passedVariables.map((name) => `${name}="$${name}"`).join(' ')
  const home = `HOME='${folder}' XDG_RUNTIME_DIR='${folder}' TMPDIR='${folder}'`
  const command = join(folder, 'start')
  writeFileSync(
    command,
    `#!/bin/sh\ncd '${folder}' && exec /usr/bin/env -i PATH=/nonexistent NO_AT_BRIDGE=1 ${home} ${variables} '${binary}'\n`,
  )
  chmodSync(command, 0o755)
  return openApp({ binary, command })
}

test('embedded backends need no runtime, no packages and no other files', async () => {
  const app = await openIsolated()
  try {
    const seen = await app.run(async (js) => {
      const { runtime } = await js.spawn('embedded')
      const worker = await js.worker('embedded')
      const system = await worker.getSystemInfo()
      return { runtime, sum: await worker.add(2, 3), system, home: await worker.env('HOME') }
    })
    assert.deepEqual([seen.runtime, seen.sum, seen.system.runtime], ['embedded', 5, 'embedded'])
    // HOME is set but not granted.
    assert.equal(seen.home, null)

    // The declared sidecar is missing: the bundled module replaces it.
    const info = await app.run(async (js) => (await js.spawn('compiled')).runtime)
    assert.equal(info, 'embedded')
  } finally {
    await app.close()
  }
})

test('a sidecar beside the executable takes precedence over the bundled module', async () => {
  const bun = join(root, 'node_modules/.bin/bun')
  const outfile = join(folder, 'compiled-worker')
  execFileSync(
    bun,
    ['build', '--compile', '--outfile', outfile, join(root, 'backends/worker.ts')],
    {
      stdio: 'pipe',
    },
  )
  const app = await openIsolated()
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
