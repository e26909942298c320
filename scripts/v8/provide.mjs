/**
 * Provides the prebuilt V8 where the crate `v8` looks for it. Sources in order: the crate's own variables (the crate
 * then does the work), cargo's cache, the folder JS_RUNTIME_V8_DIR, vendor/v8, the upstream release, a source build.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { downloadFile } from '../lib/download.mjs'
import { UserError, say } from '../lib/log.mjs'
import {
  archiveDamage,
  copyContents,
  expectedChecksum,
  writeAtomically,
  verifyChecksum,
} from './archive.mjs'
import { inspectCached, remember } from './cache.mjs'
import { unpackVendored, vendoredArchive } from './vendored.mjs'
import { archiveName, cachePath, releaseUrl, resolveV8 } from './wanted.mjs'

const crateVariables = ['RUSTY_V8_ARCHIVE', 'RUSTY_V8_MIRROR', 'V8_FROM_SOURCE']

/** Steps that are slow or use the network. Tests replace them. */
const realSteps = {
  resolve: resolveV8,
  download: (url, file) => downloadFile(url, file, 'v8'),
  build: async (wanted, options) => {
    const { buildFromSource } = await import('./build.mjs')
    return buildFromSource(wanted, options)
  },
  vendored: vendoredArchive,
}

/** Returns the source of V8: "variable", "cache", "folder", "vendor", "release" or "source". */
export async function provideV8(env = process.env, steps = realSteps) {
  const set = crateVariables.filter((name) => env[name])
  if (set.length > 0) {
    say('v8', `left to the crate v8: ${set.map((name) => `${name}=${env[name]}`).join(' ')}`)
    return 'variable'
  }
  const wanted = steps.resolve(env)
  const place = cachePath(wanted, env)
  const record = steps.vendored(wanted)
  const cached = await inspectCached(place, env, record?.unpackedSha256)
  if (cached.state === 'good') {
    say('v8', `${wanted.version} for ${wanted.target} is in cargo's cache`)
    return 'cache'
  }
  if (cached.state === 'damaged') {
    say('v8', `the cached ${place} is damaged (${cached.why}): replacing it`)
  }

  if (await copyFromFolder(wanted, place, env)) return 'folder'
  if (record) {
    await writeAtomically(place, (temporary) => unpackVendored(record, temporary))
    remember(place, record.unpackedSha256, env)
    say('v8', `${wanted.version} unpacked from vendor/v8 into cargo's cache, checksum verified`)
    return 'vendor'
  }
  if (await fetchRelease(wanted, place, steps)) return 'release'
  say('v8', 'building from source and caching the result')
  await writeAtomically(place, (file) => steps.build(wanted, { output: file, env }))
  say('v8', `built and stored in cargo's cache`)
  return 'source'
}

async function copyFromFolder(wanted, place, env) {
  const name = archiveName(wanted)
  if (!env.JS_RUNTIME_V8_DIR) return false
  const folder = resolve(env.JS_RUNTIME_V8_DIR)
  if (!existsSync(folder))
    throw new UserError(`JS_RUNTIME_V8_DIR names a folder that does not exist: ${folder}`)
  const file = join(folder, name)
  if (!existsSync(file)) {
    say('v8', `${folder} has no ${name}`)
    return false
  }
  await writeAtomically(place, async (temporary) => {
    const expected = expectedChecksum(folder, name)
    await copyContents(file, temporary)
    // The error should name the user's file instead of the temporary copy.
    await verifyChecksum(temporary, expected).catch(async (error) => {
      await verifyChecksum(file, expected)
      throw error
    })
  })
  say('v8', `${wanted.version} copied from ${folder} into cargo's cache, checksum verified`)
  return true
}

async function fetchRelease(wanted, place, steps) {
  const url = releaseUrl(wanted)
  const placed = await writeAtomically(place, async (file) => {
    if (!(await steps.download(url, file))) return false
    const why = await archiveDamage(file)
    if (why) throw new UserError(`the download of ${url} is damaged (${why}): try again`)
  })
  if (placed) say('v8', `${wanted.version} downloaded into cargo's cache`)
  return placed
}
