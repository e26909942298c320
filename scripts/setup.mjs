/**
 * `npm run setup`: installs the requirements of a build. `npm start` and `npm test` run it first. It takes a second or
 * two if everything is installed.
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
 * `purposes` selects the system packages ("engine", "window", "test"). `env` is the environment of cargo and other
 * programs. Set-up modifies it if it has to name a toolchain. `engine: false` skips V8.
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
