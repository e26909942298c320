/** Tests of set-up and of the environment of a build. */
import assert from 'node:assert/strict'
import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { denyChecks } from '../check/deny.mjs'
import { checks, testsIn } from '../check/steps.mjs'
import { hasDisplay, requireDisplay } from '../lib/app.mjs'
import { buildEnv } from '../lib/paths.mjs'
import { npmPackagesAreCurrent } from '../setup/npm.mjs'
import { put, temporaryFolder } from './helpers.mjs'

test('npm packages are installed again when the lock file is newer', (t) => {
  const folder = temporaryFolder(t)
  const lock = put(join(folder, 'package-lock.json'), '{}')
  assert.ok(!npmPackagesAreCurrent(folder), 'without node_modules')
  put(join(folder, 'node_modules', '.package-lock.json'), '{}')
  assert.ok(npmPackagesAreCurrent(folder))
  utimesSync(lock, Date.now() / 1000 + 60, Date.now() / 1000 + 60)
  assert.ok(!npmPackagesAreCurrent(folder), 'after a change')
})

test('CI builds outside of the checkout by default', () => {
  const env = { HOME: '/home/ci', PATH: '/bin', CI: 'true' }
  assert.match(buildEnv(env).CARGO_TARGET_DIR, /tauri-js-runtime.target$/)
  assert.equal(buildEnv({ ...env, CARGO_TARGET_DIR: '/t' }).CARGO_TARGET_DIR, '/t')
  assert.equal(buildEnv({ ...env, CI: undefined }).CARGO_TARGET_DIR, undefined)
  assert.match(buildEnv(env).PATH, /node_modules.\.bin/)
})

test('advisories are checked only if their database can be reached', async () => {
  assert.ok((await denyChecks(async () => ({ ok: true }))).includes('advisories'))
  const unreachable = await denyChecks(async () => {
    throw new Error('no network')
  })
  assert.deepEqual(unreachable, ['bans', 'licenses', 'sources'])
})

test('checks start with set-up, and quick checks run before cargo', () => {
  const names = checks({}).map(({ name }) => name)
  assert.equal(names[0], 'set-up')
  assert.equal(new Set(names).size, names.length)
  assert.ok(names.indexOf('page') < names.indexOf('app, built'))
  assert.ok(names.indexOf('clippy') < names.indexOf('cargo test'))
  assert.ok(testsIn('scripts/test').some((file) => file.endsWith('setup.test.mjs')))
})

test('only Linux may lack a display', () => {
  assert.ok(!hasDisplay({}, 'linux'))
  assert.ok(!hasDisplay({ DISPLAY: '' }, 'linux'))
  assert.ok(hasDisplay({ DISPLAY: ':0' }, 'linux'))
  assert.ok(hasDisplay({ WAYLAND_DISPLAY: 'wayland-0' }, 'linux'))
  assert.ok(hasDisplay({}, 'darwin') && hasDisplay({}, 'win32'))
  if (process.platform === 'linux') assert.throws(() => requireDisplay({}), /npm run demo/)
})
