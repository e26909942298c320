/** Where things are: the checkout, cargo's home, this project's cache. */
import { realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Whether the module with this URL is the script that Node was started with. */
export function isMain(url) {
  return fileURLToPath(url) === realpathSync(process.argv[1])
}

/** Cargo's home folder, by cargo's own rule. */
export function cargoHome(env = process.env) {
  if (env.CARGO_HOME) return resolve(env.CARGO_HOME)
  return join((process.platform !== 'win32' && env.HOME) || homedir(), '.cargo')
}

/** The folder for tools, a V8 under construction and CI's target folder, which outlive a checkout. */
export function cacheDir(env = process.env) {
  const base = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache')
  return join(resolve(base), 'tauri-js-runtime')
}

/**
 * The environment for cargo and what it starts: `deno` and `bun` come from npm, in front. A Rust that rustup
 * has just installed is found as well: shells learn of it only when they are opened anew.
 */
export function buildEnv(env = process.env) {
  const npm = join(root, 'node_modules', '.bin')
  const rustup = join(cargoHome(env), 'bin')
  const result = { ...env, PATH: [npm, rustup, env.PATH].filter(Boolean).join(delimiter) }
  // CI starts from a fresh clone each time; a build folder outside of it stays warm.
  if (env.CI === 'true' && !env.CARGO_TARGET_DIR) {
    result.CARGO_TARGET_DIR = join(cacheDir(env), 'target')
  }
  return result
}
