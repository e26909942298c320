/** The npm packages of package-lock.json, installed once per change of that file. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UserError, say } from '../lib/log.mjs'
import { root } from '../lib/paths.mjs'
import { runNpm } from '../lib/run.mjs'

/**
 * npm writes node_modules/.package-lock.json at the end of an install, so an interrupted install
 * counts as none.
 */
export function npmPackagesAreCurrent(folder) {
  const installed = join(folder, 'node_modules', '.package-lock.json')
  const wanted = join(folder, 'package-lock.json')
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs
}

export async function ensureNpmPackages() {
  if (!existsSync(join(root, 'package-lock.json'))) {
    throw new UserError(
      'package-lock.json is missing: restore it with `git checkout package-lock.json`',
    )
  }
  if (npmPackagesAreCurrent(root)) return say('npm', 'packages are there')
  say('npm', 'installing packages (npm ci)')
  await runNpm(['ci', '--no-audit', '--no-fund'], { cwd: root })
}
