/** What set-up finds missing. */
import assert from 'node:assert/strict'
import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { denyChecks } from '../check/deny.mjs'
import { buildEnv } from '../lib/paths.mjs'
import { npmPackagesAreCurrent } from '../setup/npm.mjs'
import { ensureRust } from '../setup/rust.mjs'
import { missingPackages } from '../setup/system.mjs'
import { put, temporaryFolder } from './helpers.mjs'

test('a package that was removed but not purged counts as missing', () => {
  const states = { gcc: 'installed', cmake: 'config-files' }
  const ask = (program, args) => states[args.at(-1)]
  assert.deepEqual(missingPackages(['gcc', 'cmake', 'unheard-of'], ask), ['cmake', 'unheard-of'])
})

test('npm packages are installed again when the lock file is newer', (t) => {
  const folder = temporaryFolder(t)
  const lock = put(join(folder, 'package-lock.json'), '{}')
  assert.ok(!npmPackagesAreCurrent(folder), 'without node_modules')
  put(join(folder, 'node_modules', '.package-lock.json'), '{}')
  assert.ok(npmPackagesAreCurrent(folder))
  utimesSync(lock, Date.now() / 1000 + 60, Date.now() / 1000 + 60)
  assert.ok(!npmPackagesAreCurrent(folder), 'after a change')
})

test('without cargo the message says how to get it', () => {
  assert.throws(() => ensureRust(() => undefined), /`cargo` is not on PATH: install Rust/)
})

test('CI builds outside of the checkout, unless told where', () => {
  const env = { HOME: '/home/ci', PATH: '/bin', CI: 'true' }
  assert.match(buildEnv(env).CARGO_TARGET_DIR, /tauri-js-runtime.target$/)
  assert.equal(buildEnv({ ...env, CARGO_TARGET_DIR: '/t' }).CARGO_TARGET_DIR, '/t')
  assert.equal(buildEnv({ ...env, CI: undefined }).CARGO_TARGET_DIR, undefined)
  assert.match(buildEnv(env).PATH, /node_modules.\.bin/)
})

test('advisories are checked only where their database answers', async () => {
  assert.ok((await denyChecks(async () => ({ ok: true }))).includes('advisories'))
  const unreachable = await denyChecks(async () => {
    throw new Error('no network')
  })
  assert.deepEqual(unreachable, ['bans', 'licenses', 'sources'])
})
