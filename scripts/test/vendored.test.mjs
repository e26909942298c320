/** Tests of the archive of V8 in vendor/v8. */
import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { sha256 } from '../v8/archive.mjs'
import { vendoredArchive, vendoredFolder } from '../v8/vendored.mjs'
import { resolveV8 } from '../v8/wanted.mjs'
import { temporaryFolder, vendoredLibrary, wanted } from './helpers.mjs'

test('the archive is skipped if version, features, profile, target or glibc differ', async (t) => {
  const folder = dirname((await vendoredLibrary(t)).path)
  const fits = (of, glibc = '2.36') =>
    vendoredArchive({ ...wanted, ...of }, folder, glibc) !== undefined
  assert.ok(fits({}))
  assert.ok(fits({}, '2.100'))
  assert.ok(!fits({}, '2.35'))
  assert.ok(!fits({}, null), 'without glibc')
  assert.ok(!fits({ version: '151.0.0' }))
  assert.ok(!fits({ profile: 'debug' }))
  assert.ok(!fits({ target: 'aarch64-unknown-linux-gnu' }))
  assert.ok(!fits({ features: ['v8_enable_sandbox', 'simdutf'] }))
  assert.equal(vendoredArchive(wanted, temporaryFolder(t), '2.36'), undefined)
})

test('vendor/v8 contains the version of Cargo.lock, with licences', async () => {
  const target = 'x86_64-unknown-linux-gnu'
  const record = vendoredArchive(
    { ...resolveV8(), target, profile: 'release' },
    vendoredFolder,
    '2.36',
  )
  assert.ok(record, 'vendor/v8 fits Cargo.lock: run `npm run v8:build -- --vendor`')
  assert.equal(await sha256(record.path), record.sha256)
  assert.ok(statSync(record.path).size < 20_000_000, 'it is packed')
  assert.ok(existsSync(join(vendoredFolder, 'LICENSES.txt')))
})
