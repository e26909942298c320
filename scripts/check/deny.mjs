/** cargo-deny: which version, where it is kept, and what it can check from here. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCargo } from '../lib/cargo.mjs'
import { say } from '../lib/log.mjs'
import { cacheDir, root } from '../lib/paths.mjs'
import { tryCapture, which } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'

const version = '0.20.2'
const advisoryDatabase = 'https://github.com/RustSec/advisory-db'
const answerWithin = 5_000

/** Licences, bans, sources, and advisories where their database answers. */
export async function checkDependencies(env) {
  const program = await ensureCargoDeny(env)
  await runStep(
    {
      name: 'cargo-deny',
      part: 'deny',
      doing: 'checking licences, sources and advisories',
      usually: '5 seconds',
      remedy:
        'Replace the dependency that the lines above name, or allow it in deny.toml with a reason',
    },
    [program, ['check', ...(await denyChecks())], { cwd: root, env }],
  )
}

/** The program of that version: from PATH, or built once into this project's cache folder. */
async function ensureCargoDeny(env = process.env) {
  const onPath = which('cargo-deny', env)
  if (onPath && tryCapture(onPath, ['--version'])?.includes(version)) return onPath
  const home = join(cacheDir(env), 'tools', `cargo-deny-${version}`)
  const ending = process.platform === 'win32' ? '.exe' : ''
  const program = join(home, 'bin', `cargo-deny${ending}`)
  if (existsSync(program)) return program
  // A build folder of its own: sharing the project's would rebuild crates with other features.
  const target = join(cacheDir(env), 'tools', 'cargo-deny-target')
  await runCargo(
    {
      name: 'install cargo-deny',
      part: 'deny',
      doing: `compiling cargo-deny ${version}`,
      usually: 'about a minute, once',
    },
    // Not optimised: it compiles in half the time, and its checks take a few seconds all the same.
    ['install', 'cargo-deny', '--debug', '--locked', '--version', version, '--root', home],
    { env: { ...env, CARGO_TARGET_DIR: target, CARGO_PROFILE_DEV_DEBUG: '0' } },
  )
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
  say('deny', 'the database of advisories cannot be reached: they are not checked')
  return local
}
