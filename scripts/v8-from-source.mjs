/**
 * `npm run v8:build`: builds V8 from the crate's sources and stores it in cargo's cache. Options:
 *
 * - `-- --vendor` writes vendor/v8 from cargo's cache, and builds the library only if the cache has none.
 * - `-- --dry-run` prepares the build, runs `gn gen` and a dry run of ninja, and stops before compiling.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchCrates } from './lib/cargo.mjs'
import { UserError, runMain, say } from './lib/log.mjs'
import { buildEnv } from './lib/paths.mjs'
import { ensureRust } from './setup/rust.mjs'
import { ensureSystemPackages } from './setup/system.mjs'
import { writeAtomically } from './v8/archive.mjs'
import { buildFromSource, prepareBuild } from './v8/build.mjs'
import { inspectCached } from './v8/cache.mjs'
import { collectLicences } from './v8/licences.mjs'
import { packVendored, vendoredFolder } from './v8/vendored.mjs'
import { buildTarget, cachePath, resolveV8 } from './v8/wanted.mjs'

const usage = 'usage: npm run v8:build [-- --dry-run | --vendor]'
const modes = ['', '--dry-run', '--vendor']

await runMain(async (args) => {
  const mode = args.join(' ')
  if (mode === '--help') return console.log(usage)
  if (!modes.includes(mode)) throw new UserError(`unknown arguments: ${mode}\n${usage}`)
  const env = buildEnv()
  await ensureSystemPackages(['engine'], env)
  await ensureRust(env)
  await fetchCrates(buildTarget(env), env)
  const wanted = resolveV8(env)
  if (mode === '--dry-run') return void (await prepareBuild(wanted, env))

  const place = cachePath(wanted, env)
  const isCached = (await inspectCached(place, env)).state === 'good'
  if (mode !== '--vendor' || !isCached) {
    await writeAtomically(place, (output) => buildFromSource(wanted, { env, output }))
    say('v8', `stored in cargo's cache: ${place}`)
  }
  if (mode === '--vendor') {
    const licences = collectLicences(await prepareBuild(wanted, env))
    await packVendored(wanted, place)
    writeFileSync(join(vendoredFolder, 'LICENSES.txt'), licences)
  }
})
