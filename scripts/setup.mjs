/**
 * `npm run setup`: installs what a build needs. `npm start` and `npm test` run it first; where all is there it
 * takes a second or two.
 */
import { fetchCrates } from './lib/cargo.mjs'
import { runMain, say } from './lib/log.mjs'
import { buildEnv, isMain } from './lib/paths.mjs'
import { ensureNode, ensureNpmPackages } from './setup/npm.mjs'
import { ensureRust } from './setup/rust.mjs'
import { ensureSystemPackages } from './setup/system.mjs'
import { provideV8 } from './v8/provide.mjs'
import { buildTarget } from './v8/wanted.mjs'

/**
 * `purposes` are those of the system's packages ("engine", "window", "test"). `env` is what cargo and the
 * programs get; it is changed where set-up finds that a toolchain must be named. Without the engine no V8 is
 * needed.
 */
export async function setUp({
  env = buildEnv(),
  purposes = ['engine', 'window'],
  engine = true,
} = {}) {
  ensureNode()
  await ensureSystemPackages(purposes, env)
  await ensureRust(env)
  await ensureNpmPackages(env)
  await fetchCrates(buildTarget(env), env)
  if (engine) await provideV8(env)
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    await setUp()
    say('set-up', 'done')
  })
}
