/** cargo-deny: which version, where it is kept, and what it can check from here. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { say } from '../lib/log.mjs'
import { cacheDir } from '../lib/paths.mjs'
import { run, which } from '../lib/run.mjs'

const version = '0.20.2'
const advisoryDatabase = 'https://github.com/RustSec/advisory-db'
const answerWithin = 5_000

/** The program: from PATH, or built once into this project's cache folder. */
export async function ensureCargoDeny(env = process.env) {
  const onPath = which('cargo-deny', env)
  if (onPath) return onPath
  const home = join(cacheDir(env), 'tools', `cargo-deny-${version}`)
  const ending = process.platform === 'win32' ? '.exe' : ''
  const program = join(home, 'bin', `cargo-deny${ending}`)
  if (existsSync(program)) return program
  say('deny', `installing cargo-deny ${version} with cargo (a few minutes, once)`)
  // A build folder of its own: sharing the project's would rebuild crates with other features.
  const target = join(cacheDir(env), 'tools', 'cargo-deny-target')
  const args = ['install', 'cargo-deny', '--locked', '--version', version, '--root', home]
  await run('cargo', args, { env: { ...env, CARGO_TARGET_DIR: target } })
  rmSync(target, { recursive: true, force: true })
  return program
}

/** All checks, but for the advisories where their database does not answer. */
export async function denyChecks(ask = fetch) {
  const local = ['bans', 'licenses', 'sources']
  try {
    const answer = await ask(advisoryDatabase, {
      method: 'HEAD',
      signal: AbortSignal.timeout(answerWithin),
    })
    if (answer.ok) return ['advisories', ...local]
  } catch {
    // no network, or no way to that host: said below
  }
  say('deny', 'advisories not reachable, skipped')
  return local
}
