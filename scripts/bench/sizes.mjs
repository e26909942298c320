/** Measures the sample app: its optimised executable and its deb package. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { bundleApp, packagesOf, targetFolder, executable } from '../lib/app.mjs'
import { rowOf } from './rows.mjs'

/** Builds both. Returns the rows. */
export async function measureSizes(env) {
  const since = Date.now()
  await bundleApp(['--bundles', 'deb'], env)
  const folder = join(targetFolder(env), 'release')
  const size = (figure, file) => rowOf(figure, 'embedded', 'bytes', [statSync(file).size])
  return [
    size('executable', join(folder, executable)),
    ...packagesOf(folder, since).map((file) => size('deb', file)),
  ]
}
