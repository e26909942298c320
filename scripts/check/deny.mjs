/** Installs and runs cargo-deny. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCargo } from '../lib/cargo.mjs'
import { say } from '../lib/log.mjs'
import { cacheDir, root } from '../lib/paths.mjs'
import { tryCapture, which } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'

const version = '0.20.2'
const advisoryDatabase = 'https://github.com/RustSec/advisory-db'
/** Milliseconds to wait for the database of advisories. */
const answerTimeout = 5_000

/** Checks licences, bans and sources, and advisories if their database can be reached. */
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

/** Returns cargo-deny of this version: from PATH, or built once in the project's cache. */
async function ensureCargoDeny(env = process.env) {
  const onPath = which('cargo-deny', env)
  if (onPath && tryCapture(onPath, ['--version'])?.includes(version)) return onPath
  const home = join(cacheDir(env), 'tools', `cargo-deny-${version}`)
  const ending = process.platform === 'win32' ? '.exe' : ''
  const program = join(home, 'bin', `cargo-deny${ending}`)
  if (existsSync(program)) return program
  // The project's target folder has the same crates with other features.
  const target = join(cacheDir(env), 'tools', 'cargo-deny-target')
  await runCargo(
    {
      name: 'install cargo-deny',
      part: 'deny',
      doing: `compiling cargo-deny ${version}`,
      usually: 'about a minute, once',
    },
    // A debug build compiles in half the time, and its checks still take only seconds.
    ['install', 'cargo-deny', '--debug', '--locked', '--version', version, '--root', home],
    { env: { ...env, CARGO_TARGET_DIR: target, CARGO_PROFILE_DEV_DEBUG: '0' } },
  )
  rmSync(target, { recursive: true, force: true })
  return program
}

/** The names of the checks, without advisories if their database cannot be reached. */
export async function denyChecks(request = fetch) {
  const local = ['bans', 'licenses', 'sources']
  try {
    const answer = await request(advisoryDatabase, {
      method: 'HEAD',
      signal: AbortSignal.timeout(answerTimeout),
    })
    if (answer.ok) return ['advisories', ...local]
  } catch {
    // Reported below.
  }
  say('deny', 'the database of advisories cannot be reached: advisories are not checked')
  return local
}
