/** Tests that cargo compiles the engine once, and no dependency again for the tests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workspace } from '../lib/app.mjs'
import { buildEnv, root } from '../lib/paths.mjs'
import { capture } from '../lib/run.mjs'

/** The units of a build, with package, mode ("build", "test", …) and target kind. */
function units(...args) {
  // --unit-graph is unstable. RUSTC_BOOTSTRAP enables it in a stable compiler.
  const env = { ...buildEnv(), RUSTC_BOOTSTRAP: '1' }
  // With another target, nothing is shared with build scripts.
  delete env.CARGO_BUILD_TARGET
  const options = ['--unit-graph', '-Z', 'unstable-options', ...args]
  return JSON.parse(capture('cargo', ['build', ...options], { cwd: root, env })).units
}

/** Names of packages whose library is compiled more than once. */
function compiledTwice(list) {
  const count = new Map()
  for (const { pkg_id: id, mode, target } of list) {
    if (mode !== 'build' || !target.kind.some((kind) => /lib$/.test(kind))) continue
    count.set(id, (count.get(id) ?? 0) + 1)
  }
  return [...count].filter(([, times]) => times > 1).map(([id]) => /#(?:(.+)@)?/.exec(id)[1] ?? id)
}

/**
 * Expected exceptions:
 *
 * - `deno_runtime` creates the snapshot with other features than it runs with;
 * - `schemars` and `tauri-utils` create schemas and icons in build scripts only.
 */
const exceptions = ['deno_runtime', 'schemars', 'tauri-utils']

const onLinux = { skip: process.platform !== 'linux' && 'other systems have other crates' }

test('the engine and the build script of its snapshot share their dependencies', onLinux, () => {
  assert.deepEqual(compiledTwice(units(...workspace)).sort(), exceptions)
})

test('an optimised build shares them too', onLinux, () => {
  const twice = compiledTwice(units('--release', '--workspace', '--bin', 'tauri-js-demo'))
  assert.deepEqual(twice.sort(), exceptions)
})

test('tests use the same builds of crates as the app', () => {
  const key = ({ pkg_id: id, target, features, profile }) =>
    JSON.stringify([id, target.name, features, profile.opt_level, profile.debuginfo])
  const inApp = units(...workspace, '--bin', 'tauri-js-demo')
  const packages = new Set(inApp.map(({ pkg_id: id }) => id))
  const known = new Set(inApp.map(key))
  const rebuilt = units(...workspace, '--all-targets').filter(
    (unit) =>
      unit.pkg_id.startsWith('registry') && packages.has(unit.pkg_id) && !known.has(key(unit)),
  )
  assert.deepEqual(
    rebuilt.map(({ pkg_id: id }) => id),
    [],
  )
})
