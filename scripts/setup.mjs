/**
 * `npm run setup`: everything a build needs, and nothing twice. `npm start` and `npm test` run it
 * first; when all is there it takes about a second.
 */
import { pathToFileURL } from 'node:url'
import { runMain, say } from './lib/log.mjs'
import { ensureNpmPackages } from './setup/npm.mjs'
import { buildPackages, ensureSystemPackages } from './setup/system.mjs'
import { ensureRust } from './setup/rust.mjs'
import { provideV8 } from './v8/provide.mjs'

/** `packages` are those of Debian that are needed for what comes next. */
export async function setUp(packages = buildPackages) {
  await ensureSystemPackages(packages)
  ensureRust()
  await ensureNpmPackages()
  await provideV8()
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    await setUp()
    say('set-up', 'done')
  })
}
