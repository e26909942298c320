/** Tests of the source build of V8, without building. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildFromSource, estimatedMinutes } from '../v8/build.mjs'
import { crateOfBuildFile, manifest, neededFolders } from '../v8/crates.mjs'
import { gnArguments } from '../v8/gn.mjs'
import { stepsOf, stepsSoFar } from '../v8/ninja.mjs'
import { withoutFlag } from '../v8/sources.mjs'
import { wanted } from './helpers.mjs'

const vendor = 'third_party/rust/chromium_crates_io/vendor'

test('vendored folders are found once among the inputs of ninja', () => {
  const inputs = [
    `../src/${vendor}/zerovec-v0_11/src/lib.rs`,
    `../src/${vendor}/yoke-v0_8/src/lib.rs`,
  ]
  const text = [...inputs, '../src/v8/src/api.cc', inputs[0]].join('\n')
  assert.deepEqual(neededFolders(text), ['yoke-v0_8', 'zerovec-v0_11'])
})

test('a build file names its crate, its version and its folder', () => {
  const text = `crate_root =\n      "//${vendor}/icu_calendar-v2/src/lib.rs"
  cargo_pkg_name = "icu_calendar"\n  cargo_pkg_version = "2.2.1"\n`
  const expected = { folder: 'icu_calendar-v2', name: 'icu_calendar', version: '2.2.1' }
  assert.deepEqual(crateOfBuildFile(text), expected)
  assert.equal(crateOfBuildFile('group("nothing") {}'), undefined)
})

test('the manifest can have two versions of one crate', () => {
  const text = manifest([
    { name: 'syn', version: '1.0.109' },
    { name: 'syn', version: '2.0.117' },
  ])
  assert.match(text, /^crate-0 = \{ package = "syn", version = "=1\.0\.109"/m)
  assert.match(text, /^crate-1 = \{ package = "syn", version = "=2\.0\.117"/m)
})

test('only the flag is removed from lists and assignments', () => {
  const text = [
    'cflags = [',
    '  "-fsanitize=${x}",',
    '  "-fsanitize-ignore=${x}",',
    ']',
    'cflags += [ "-fnew" ]',
    'cflags += [ "/clang:-fnew" ]',
  ].join('\n')
  assert.equal(
    withoutFlag(withoutFlag(text, '"-fsanitize-ignore='), '"-fnew"'),
    'cflags = [\n  "-fsanitize=${x}",\n]\ncflags += [ "/clang:-fnew" ]',
  )
})

test('the features of the crate become arguments of gn', () => {
  const tools = { clang: '/c', bindgen: '/b' }
  const args = (features) =>
    gnArguments({ wanted: { ...wanted, features }, tools, sysroot: '/s', rustcVersion: '1.95.0' })
  const plain = args(wanted.features)
  assert.match(plain, /rusty_v8_enable_simdutf=true/)
  assert.match(plain, /use_custom_libcxx=true/)
  assert.match(plain, /v8_enable_pointer_compression=false/)
  assert.match(args(['v8_enable_sandbox']), /v8_enable_pointer_compression=true/)
})

test('progress is read from ninja and estimated after the first steps', () => {
  assert.deepEqual(stepsOf('[1/3] CXX a.o\n[2/3] CXX b.o\n'), { done: 2, total: 3 })
  assert.deepEqual(stepsOf('ninja: no work to do.'), { done: 0, total: 0 })
  assert.equal(stepsSoFar(1, 2361, 1000), '1 of 2361 steps (0 %)')
  assert.equal(stepsSoFar(50, 100, 60_000), '50 of 100 steps (50 %), about 1 min 0 s left')
  assert.equal(estimatedMinutes(2), 70)
})

test('another target is refused with alternatives', async () => {
  const other = { ...wanted, target: 'aarch64-apple-darwin' }
  await assert.rejects(
    buildFromSource(other, {}),
    /not for aarch64-apple-darwin.*JS_RUNTIME_V8_DIR/,
  )
})
