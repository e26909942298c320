/**
 * `npm run build`: builds one optimised executable that contains the page, the backends and the engine, and a deb and
 * an rpm package of it. Arguments after `npm run build --` are passed to `tauri build`.
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { bundleApp, executable, packagesOf, targetFolder } from './lib/app.mjs'
import { mebibytes, runMain, say } from './lib/log.mjs'
import { buildEnv } from './lib/paths.mjs'
import { setUp } from './setup.mjs'

await runMain(async (args) => {
  const env = buildEnv()
  await setUp({ env })
  const start = Date.now()
  await bundleApp(args, env)
  const folder = join(targetFolder(env), 'release')
  const files = [join(folder, executable), ...packagesOf(folder, start)]
  for (const file of files.filter(existsSync)) {
    say('built', `${mebibytes(statSync(file).size).padStart(10)}  ${file}`)
  }
})
