/** Paths: the checkout, cargo's home, the project's cache; and the environment of a build. */
import { realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** True if the module with this URL is the main module. */
export function isMain(url) {
  return fileURLToPath(url) === realpathSync(process.argv[1])
}

/** Cargo's home folder, by cargo's rule. */
export function cargoHome(env = process.env) {
  if (env.CARGO_HOME) return resolve(env.CARGO_HOME)
  return join((process.platform !== 'win32' && env.HOME) || homedir(), '.cargo')
}

/** The project's cache: tools, the source build of V8, and CI's target folder. Outlives a checkout. */
export function cacheDir(env = process.env) {
  const base = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache')
  return join(resolve(base), 'tauri-js-runtime')
}

/**
 * The environment of cargo and its children. On PATH, the `deno` and `bun` of npm come first, then rustup's folder:
 * a shell that was open during the installation of Rust does not have it.
 */
export function buildEnv(env = process.env) {
  const npm = join(root, 'node_modules', '.bin')
  const rustup = join(cargoHome(env), 'bin')
  const result = { ...env, PATH: [npm, rustup, env.PATH].filter(Boolean).join(delimiter) }
  // CI uses a fresh clone each time. A target folder outside of it stays warm.
  if (env.CI === 'true' && !env.CARGO_TARGET_DIR) {
    result.CARGO_TARGET_DIR = join(cacheDir(env), 'target')
  }
  return result
}
