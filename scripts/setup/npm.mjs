/** Checks Node's version and installs the npm packages after each change of package-lock.json. */
import { existsSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UserError, say } from '../lib/log.mjs'
import { root } from '../lib/paths.mjs'
import { npmCommand } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'

/** The minimum versions of Node for Vite and its plugins, by major version. Later major versions work too. */
const minimumVersions = [
  [20, 19],
  [22, 12],
  [24, 0],
]

export function ensureNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number)
  const newest = minimumVersions.at(-1)[0]
  if (
    major > newest ||
    minimumVersions.some(([wantedMajor, minimum]) => major === wantedMajor && minor >= minimum)
  )
    return
  throw new UserError(
    `this is Node ${version}; required is ${minimumVersions.map((pair) => pair.join('.')).join(', ')} or newer: install one from nodejs.org or ` +
      'your distribution, then run the same command again',
  )
}

/**
 * npm writes node_modules/.package-lock.json at the end of an installation, so an interrupted one does not count.
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
  // All packages are development dependencies, which NODE_ENV or the user's settings may exclude.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund']
  const lines = await runStep(
    {
      name: 'npm ci',
      part: 'npm',
      doing: 'installing the packages of package-lock.json',
      usually: 'less than a minute',
      remedy: 'Check that the npm registry can be reached, then run the same command again',
    },
    npmCommand(args, { cwd: root, env }),
  )
  // npm succeeds although the disk is full.
  if (npmPackagesAreCurrent(root) && !lines.some((line) => line.includes('TAR_ENTRY_ERROR'))) return
  rmSync(join(root, 'node_modules', '.package-lock.json'), { force: true })
  throw new UserError(
    'npm did not write all packages: check that the disk is not full, then run the same command again',
  )
}
