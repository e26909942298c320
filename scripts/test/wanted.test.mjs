/** Tests of the names by which the crate `v8` looks for its library. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { archiveName, bindingName, cachePath, escapeUrl, releaseUrl } from '../v8/wanted.mjs'
import { wanted } from './helpers.mjs'

const escaped =
  'https___github_com_denoland_rusty_v8_releases_download_v150_4_0_' +
  'librusty_v8_simdutf_release_x86_64_unknown_linux_gnu_a_gz'

test('the cache file is named by the escaped URL of the release', () => {
  assert.equal(escapeUrl(releaseUrl(wanted)), escaped)
  const home = join('/', 'home', 'anna')
  assert.equal(cachePath(wanted, { HOME: home }), join(home, '.cargo', '.rusty_v8', escaped))
})

test('CARGO_HOME moves the cache', () => {
  const elsewhere = join('/', 'elsewhere')
  const env = { HOME: join('/', 'home', 'anna'), CARGO_HOME: elsewhere }
  assert.equal(cachePath(wanted, env), join(elsewhere, '.rusty_v8', escaped))
})

test('escaping preserves only ASCII letters and digits', () => {
  assert.equal(escapeUrl('aZ0-_/.:é'), 'aZ0______')
})

test('names contain features, profile and target', () => {
  const all = {
    features: ['simdutf', 'v8_enable_sandbox', 'v8_enable_pointer_compression'],
    target: 'aarch64-apple-darwin',
    profile: 'debug',
  }
  assert.equal(
    archiveName(all),
    'librusty_v8_ptrcomp_sandbox_simdutf_debug_aarch64-apple-darwin.a.gz',
  )
  assert.equal(
    bindingName(all),
    'src_binding_ptrcomp_sandbox_simdutf_debug_aarch64-apple-darwin.rs',
  )
  const windows = { features: [], target: 'x86_64-pc-windows-msvc', profile: 'debug' }
  assert.equal(archiveName(windows), 'rusty_v8_release_x86_64-pc-windows-msvc.lib.gz')
})
