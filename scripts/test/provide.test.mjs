/** Tests of the sources of V8: their order and their checks. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { brotliCompressSync } from 'node:zlib'
import { provideV8 } from '../v8/provide.mjs'
import { cachePath } from '../v8/wanted.mjs'
import {
  archive,
  archiveFile,
  checksumOf,
  emptyHome,
  library,
  put,
  temporaryFolder,
  vendoredLibrary,
  wanted,
} from './helpers.mjs'

/** Fake steps that record their calls. `downloads` and `builds` are the written contents. */
function steps(t, { downloads, builds = archive, vendored } = {}) {
  const calls = []
  return {
    calls,
    resolve: () => wanted,
    vendored: () => vendored,
    download: async (url, file) => {
      calls.push('download')
      if (downloads) writeFileSync(file, downloads)
      return downloads !== undefined
    },
    build: async (of, { output }) => {
      calls.push('build')
      writeFileSync(output, builds)
    },
  }
}

function fillFolder(folder, { contents = archive, sum = checksumOf(archive) } = {}) {
  put(join(folder, archiveFile), contents)
  put(join(folder, 'SHA256SUMS'), `${sum}  ${archiveFile}\n`)
}

function assertCached(env) {
  const place = cachePath(wanted, env)
  assert.deepEqual(readFileSync(place), archive)
  assert.equal(readdirSync(dirname(place)).length, 1, 'a temporary file was left')
}

for (const name of ['RUSTY_V8_ARCHIVE', 'RUSTY_V8_MIRROR', 'V8_FROM_SOURCE']) {
  test(`${name} is left to the crate`, async (t) => {
    const env = { ...emptyHome(t), [name]: '1' }
    const resolve = () => assert.fail('cargo was called')
    assert.equal(await provideV8(env, { ...steps(t), resolve }), 'variable')
    assert.ok(!existsSync(cachePath(wanted, env)))
  })
}

test("cargo's cache comes before a folder", async (t) => {
  const env = { ...emptyHome(t), JS_RUNTIME_V8_DIR: 'not-even-there' }
  put(cachePath(wanted, env), archive)
  const fake = steps(t)
  assert.equal(await provideV8(env, fake), 'cache')
  assert.equal(await provideV8(env, fake), 'cache')
  assert.deepEqual(fake.calls, [])
})

test('a named folder comes before vendor/v8', async (t) => {
  const env = { ...emptyHome(t), JS_RUNTIME_V8_DIR: temporaryFolder(t) }
  fillFolder(env.JS_RUNTIME_V8_DIR)
  const vendored = { path: 'not-there', file: 'not-there' }
  assert.equal(await provideV8(env, steps(t, { vendored })), 'folder')
  assertCached(env)
})

test('vendor/v8 comes before the release', async (t) => {
  const env = emptyHome(t)
  const fake = steps(t, { downloads: archive, vendored: await vendoredLibrary(t) })
  assert.equal(await provideV8(env, fake), 'vendor')
  assert.deepEqual(fake.calls, [])
  assert.deepEqual(readFileSync(cachePath(wanted, env)), library)
  assert.equal(await provideV8(env, fake), 'cache')
})

test('a vendored archive with a wrong checksum is refused with a remedy', async (t) => {
  const record = await vendoredLibrary(t)
  const env = emptyHome(t)
  writeFileSync(record.path, brotliCompressSync('another library'))
  await assert.rejects(provideV8(env, steps(t, { vendored: record })), ({ name, message }) => {
    assert.equal(name, 'UserError')
    assert.match(message, /wrong checksum of .*git checkout vendor\/v8\/.*JS_RUNTIME_V8_DIR/s)
    return message.includes(record.sha256)
  })
  assert.deepEqual(readdirSync(dirname(cachePath(wanted, env))), [])
})

test('a truncated vendored archive is refused', async (t) => {
  const record = await vendoredLibrary(t)
  writeFileSync(record.path, readFileSync(record.path).subarray(0, -3))
  await assert.rejects(provideV8(emptyHome(t), steps(t, { vendored: record })), /wrong checksum of/)
})

test('a folder without the file for this target is skipped', async (t) => {
  const env = { ...emptyHome(t), JS_RUNTIME_V8_DIR: temporaryFolder(t) }
  const fake = steps(t, { downloads: archive })
  assert.equal(await provideV8(env, fake), 'release')
  assertCached(env)
})

test('the source build is the last resort', async (t) => {
  const env = emptyHome(t)
  const fake = steps(t)
  assert.equal(await provideV8(env, fake), 'source')
  assert.deepEqual(fake.calls, ['download', 'build'])
  assertCached(env)
})

test('a truncated archive in the cache is replaced', async (t) => {
  const env = emptyHome(t)
  put(cachePath(wanted, env), archive.subarray(0, archive.length - 9))
  assert.equal(await provideV8(env, steps(t, { downloads: archive })), 'release')
  assertCached(env)
})

test('a truncated library in the cache is replaced', async (t) => {
  const env = emptyHome(t)
  put(cachePath(wanted, env), library.subarray(0, -1))
  assert.equal(await provideV8(env, steps(t, { downloads: archive })), 'release')
  assertCached(env)
})

test('an archive that changed after its check is checked again', async (t) => {
  const env = emptyHome(t)
  const place = put(cachePath(wanted, env), archive)
  const fake = steps(t, { downloads: archive })
  assert.equal(await provideV8(env, fake), 'cache')
  writeFileSync(place, 'not an archive')
  assert.equal(await provideV8(env, fake), 'release')
  assertCached(env)
})

test('a wrong checksum names the file and both checksums', async (t) => {
  const env = { ...emptyHome(t), JS_RUNTIME_V8_DIR: temporaryFolder(t) }
  const expected = 'a'.repeat(64)
  fillFolder(env.JS_RUNTIME_V8_DIR, { sum: expected })
  await assert.rejects(provideV8(env, steps(t)), ({ name, message }) => {
    assert.equal(name, 'UserError')
    for (const part of [join(env.JS_RUNTIME_V8_DIR, archiveFile), expected, checksumOf(archive)]) {
      assert.ok(message.includes(part), `${part} is not in: ${message}`)
    }
    return true
  })
  assert.ok(!existsSync(cachePath(wanted, env)))
})

test('a folder without checksums is refused', async (t) => {
  const env = { ...emptyHome(t), JS_RUNTIME_V8_DIR: temporaryFolder(t) }
  put(join(env.JS_RUNTIME_V8_DIR, archiveFile), archive)
  await assert.rejects(provideV8(env, steps(t)), /SHA256SUMS is missing/)
})

test('a missing folder is an error with its name', async (t) => {
  const env = { ...emptyHome(t), JS_RUNTIME_V8_DIR: join(temporaryFolder(t), 'nowhere') }
  await assert.rejects(provideV8(env, steps(t)), /does not exist: .*nowhere/)
})

test('a damaged download is refused and removed', async (t) => {
  const env = emptyHome(t)
  await assert.rejects(provideV8(env, steps(t, { downloads: 'an error page' })), /is damaged/)
  assert.deepEqual(readdirSync(dirname(cachePath(wanted, env))), [])
})
