/** Node itself, and the npm packages of package-lock.json, installed once per change of that file. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UserError, say } from '../lib/log.mjs'
import { root } from '../lib/paths.mjs'
import { npmCommand } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'

/** The oldest Node that Vite and its plugins run on. */
const oldestNode = [20, 19]

export function ensureNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number)
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return
  throw new UserError(
    `this is Node ${version}, and ${oldestNode.join('.')} or newer is needed: install one from nodejs.org or your distribution, ` +
      'then run the same command again',
  )
}

/**
 * npm writes node_modules/.package-lock.json at the end of an install, so an interrupted install
 * counts as none.
 */
export function npmPackagesAreCurrent(folder) {
  const installed = join(folder, 'node_modules', '.package-lock.json')
  const wanted = join(folder, 'package-lock.json')
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs
}

export async function ensureNpmPackages(env = process.env) {
  if (!existsSync(join(root, 'package-lock.json'))) {
    throw new UserError(
      'package-lock.json is missing: restore it with `git checkout package-lock.json`',
    )
  }
  if (npmPackagesAreCurrent(root)) return say('npm', 'all packages are installed')
  await runStep(
    {
      name: 'npm ci',
      part: 'npm',
      doing: 'installing the packages of package-lock.json',
      usually: 'less than a minute',
      remedy: 'Check that the npm registry can be reached, then run the same command again',
    },
    npmCommand(['ci', '--no-audit', '--no-fund'], { cwd: root, env }),
  )
}
