/** Tests of bundled backends. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { backendsIn, bundle } from '../bundle-backends.mjs'
import { put, temporaryFolder } from './helpers.mjs'

test('backends are files named worker with any prefix', (t) => {
  const folder = temporaryFolder(t)
  for (const name of [
    'worker.ts',
    'node-worker.mjs',
    'system-info.ts',
    'coworker.ts',
    'worker.test.ts',
  ]) {
    put(join(folder, name), '')
  }
  assert.deepEqual(
    backendsIn(folder).map(({ name }) => name),
    ['node-worker', 'worker'],
  )
  assert.ok(backendsIn().some(({ name }) => name === 'worker'))
})

test('a bundled backend imports only built-in modules and answers', async (t) => {
  const folder = temporaryFolder(t)
  for (const backend of backendsIn()) {
    const module = await bundle(backend, folder)
    assert.equal(basename(module), `${backend.name}.mjs`)
    const imports = [...readFileSync(module, 'utf8').matchAll(/^import .*?"(.+)";?$/gm)]
    for (const [, source] of imports) assert.match(source, /^node:/)
  }
  const frame = { id: '1', method: 'add', args: [2, 3], type: 'request', version: 'json' }
  const run = spawnSync(process.execPath, [join(folder, 'worker.mjs')], {
    cwd: folder,
    input: JSON.stringify(frame) + '\n',
    encoding: 'utf8',
  })
  assert.equal(run.stderr, '')
  assert.equal(JSON.parse(run.stdout).args.result, 5)
})

test('an error about a missing import names the file', async (t) => {
  const folder = temporaryFolder(t)
  const file = put(join(folder, 'worker.ts'), `import { a } from './missing.ts'\nconsole.log(a)\n`)
  await assert.rejects(bundle({ name: 'worker', file }, folder), /missing\.ts/)
})
