/** What cargo would compile: the engine once, and nothing again for the tests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workspace } from '../lib/app.mjs'
import { buildEnv, root } from '../lib/paths.mjs'
import { capture } from '../lib/run.mjs'

/** The units of a build; each has a package, a mode ("build", "test", …) and the kind of its target. */
function units(...args) {
  // The graph is printed by nightly compilers only; this lets a stable one print it.
  const env = { ...buildEnv(), RUSTC_BOOTSTRAP: '1' }
  // For another target nothing is shared with build scripts.
  delete env.CARGO_BUILD_TARGET
  const options = ['--unit-graph', '-Z', 'unstable-options', ...args]
  return JSON.parse(capture('cargo', ['build', ...options], { cwd: root, env })).units
}

/** Packages whose library is compiled more than once, by name. */
function compiledTwice(list) {
  const count = new Map()
  for (const { pkg_id: id, mode, target } of list) {
    if (mode !== 'build' || !target.kind.some((kind) => /lib$/.test(kind))) continue
    count.set(id, (count.get(id) ?? 0) + 1)
  }
  return [...count].filter(([, times]) => times > 1).map(([id]) => /#(?:(.+)@)?/.exec(id)[1] ?? id)
}

/**
 * - `deno_runtime` makes the snapshot with other features than it runs with;
 * - `schemars` and `tauri-utils` make schemas and icons in build scripts, which no program does.
 */
const differ = ['deno_runtime', 'schemars', 'tauri-utils']

const onLinux = { skip: process.platform !== 'linux' && 'other systems have other crates' }

test('the engine and the build script of its snapshot share what they are made of', onLinux, () => {
  assert.deepEqual(compiledTwice(units(...workspace)).sort(), differ)
})

test('an optimised app shares it as well', onLinux, () => {
  const twice = compiledTwice(units('--release', '--workspace', '--bin', 'tauri-js-demo'))
  assert.deepEqual(twice.sort(), differ)
})

test('tests need no crate in another form than the app has', () => {
  const key = ({ pkg_id: id, target, features, profile }) =>
    JSON.stringify([id, target.name, features, profile.opt_level, profile.debuginfo])
  const inApp = units(...workspace, '--bin', 'tauri-js-demo')
  const packages = new Set(inApp.map(({ pkg_id: id }) => id))
  const known = new Set(inApp.map(key))
  const again = units(...workspace, '--all-targets').filter(
    (unit) =>
      unit.pkg_id.startsWith('registry') && packages.has(unit.pkg_id) && !known.has(key(unit)),
  )
  assert.deepEqual(
    again.map(({ pkg_id: id }) => id),
    [],
  )
})
