/**
 * `node scripts/v8-from-source.mjs`: builds V8 from the crate's sources and puts it into cargo's
 * cache, whether or not one is there already. `--dry-run` (or `--until gn`) prepares everything, runs
 * `gn gen` and a dry run of ninja, and stops before compiling.
 */
import { UserError, runMain, say } from './lib/log.mjs'
import { ensureRust } from './setup/rust.mjs'
import { enginePackages, ensureSystemPackages } from './setup/system.mjs'
import { placeAtomically } from './v8/archive.mjs'
import { buildFromSource } from './v8/build.mjs'
import { cachePath, resolveV8 } from './v8/wanted.mjs'

const usage = 'usage: node scripts/v8-from-source.mjs [--dry-run | --until gn]'

function readArguments(args) {
  const given = args.join(' ')
  if (given === '') return { untilDryRun: false }
  if (given === '--dry-run' || given === '--until gn') return { untilDryRun: true }
  throw new UserError(`unknown arguments: ${given}\n${usage}`)
}

await runMain(async (args) => {
  if (args.includes('--help')) return console.log(usage)
  const options = readArguments(args)
  await ensureSystemPackages(enginePackages)
  ensureRust()
  const wanted = resolveV8()
  if (options.untilDryRun) return buildFromSource(wanted, options)
  const place = cachePath(wanted)
  await placeAtomically(place, (output) => buildFromSource(wanted, { ...options, output }))
  say('v8', `put into cargo's cache: ${place}`)
})
