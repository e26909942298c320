/** Installs the packages of the list in a temporary folder, with the scripts that use them. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { root } from '../lib/paths.mjs'
import { npmCommand } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'
import { companions, packages } from './list.mjs'

/** Runs `work` with the folder, then removes it. */
export async function withPackages(env, work) {
  const folder = mkdtempSync(join(os.tmpdir(), 'packages-'))
  try {
    await install(folder, env)
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function install(folder, env) {
  const dependencies = { ...packages, ...companions }
  const manifest = { name: 'packages', private: true, type: 'module', dependencies }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2))
  cpSync(join(root, 'scripts/packages/uses'), join(folder, 'uses'), { recursive: true })
  const args = ['install', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund']
  await runStep(
    {
      name: 'install packages',
      part: 'npm',
      doing: `installing ${Object.keys(dependencies).length} npm packages`,
      usually: 'a minute or two',
      remedy: "Check that npm's registry can be reached, then run the same command again",
    },
    npmCommand(args, { cwd: folder, env }),
  )
}
