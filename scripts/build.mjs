/**
 * `npm run build`: builds one optimised executable that contains the page, the backends and the engine, and a deb and
 * an rpm package of it. Arguments after `npm run build --` are passed to `tauri build`.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { bundleApp, executable, targetFolder } from './lib/app.mjs'
import { mebibytes, runMain, say } from './lib/log.mjs'
import { buildEnv } from './lib/paths.mjs'
import { setUp } from './setup.mjs'

await runMain(async (args) => {
  const env = buildEnv()
  await setUp({ env })
  const start = Date.now()
  await bundleApp(args, env)
  for (const file of results(join(targetFolder(env), 'release'), start)) {
    say('built', `${mebibytes(statSync(file).size).padStart(10)}  ${file}`)
  }
})

/** The executable, and the packages that were written after `since`. */
function* results(folder, since) {
  const app = join(folder, executable)
  if (existsSync(app)) yield app
  const packages = join(folder, 'bundle')
  if (!existsSync(packages)) return
  for (const entry of readdirSync(packages, { withFileTypes: true, recursive: true })) {
    const file = join(entry.parentPath ?? entry.path, entry.name)
    const isPackage = entry.isFile() && /\.(?:deb|rpm|dmg|msi|exe)$/.test(entry.name)
    if (isPackage && statSync(file).mtimeMs >= since) yield file
  }
}
