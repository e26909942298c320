/**
 * Checks, unpacks and packs the archive of V8 in vendor/v8. `archive.json` describes it: `{ version, target, features,
 * profile, glibc, file, sha256, unpackedSha256 }`.
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createBrotliCompress, createBrotliDecompress, createGunzip } from 'node:zlib'
import { UserError, mebibytes, say } from '../lib/log.mjs'
import { root } from '../lib/paths.mjs'
import { startProgress } from '../lib/progress.mjs'
import { isAtLeast, systemGlibc } from '../lib/versions.mjs'
import { isGzip, sha256 } from './archive.mjs'
import { archiveName, featureSuffix } from './wanted.mjs'

export const vendoredFolder = join(root, 'vendor', 'v8')

/**
 * The record of the archive if it fits `wanted` and this machine. Otherwise prints the reason and returns undefined.
 */
export function vendoredArchive(wanted, folder = vendoredFolder, glibc = systemGlibc()) {
  const list = join(folder, 'archive.json')
  if (!existsSync(list)) return undefined
  const record = JSON.parse(readFileSync(list, 'utf8'))
  const reason = mismatchOf(record, wanted, glibc)
  if (reason === undefined) return { ...record, path: join(folder, record.file) }
  say('v8', `vendor/v8 does not fit: ${reason}`)
  return undefined
}

function mismatchOf(record, wanted, glibc) {
  const have = `${record.version}${record.features} ${record.profile} for ${record.target}`
  const want = `${wanted.version}${featureSuffix(wanted.features)} ${wanted.profile} for ${wanted.target}`
  if (have !== want) return `it contains ${have}, required is ${want}`
  if (!glibc) return `it requires glibc ${record.glibc}, and this system has another C library`
  if (!isAtLeast(glibc, record.glibc))
    return `it requires glibc ${record.glibc}, and this system has ${glibc}`
  return undefined
}

/** Unpacks the archive to `place` and verifies both checksums of the record. */
export async function unpackVendored(record, place) {
  if (!existsSync(record.path)) throw new UserError(`${record.path} is missing. ${restore(record)}`)
  const packed = createHash('sha256')
  const unpacked = createHash('sha256')
  const progress = startProgress({
    part: 'v8',
    doing: 'unpacking V8 from vendor/v8',
    usually: '5 seconds',
  })
  let damage
  try {
    await pipeline(
      createReadStream(record.path),
      tap((chunk) => packed.update(chunk)),
      createBrotliDecompress(largeWindow(constants.BROTLI_DECODER_PARAM_LARGE_WINDOW)),
      tap((chunk) => unpacked.update(chunk)),
      createWriteStream(place),
    )
  } catch (error) {
    // Not a damaged archive but, for example, a full disk.
    if (error.syscall) throw error
    damage = error.message
  } finally {
    progress.end()
  }
  // Brotli has no checksum and stops early at damaged bytes.
  const found = damage ? await sha256(record.path) : packed.digest('hex')
  if (damage || found !== record.sha256 || unpacked.digest('hex') !== record.unpackedSha256) {
    throw new UserError(
      `wrong checksum of ${record.path}\n  expected ${record.sha256}\n  found    ${found}\n${restore(record)}`,
    )
  }
}

function restore(record) {
  return (
    `Restore it with \`git checkout vendor/v8/${record.file}\`, or set another source of V8 with ` +
    'JS_RUNTIME_V8_DIR or RUSTY_V8_ARCHIVE (docs/building-v8.md), then run the same command again'
  )
}

/**
 * Packs the library of cargo's cache into `folder` and writes its record. `glibc` is the version in the record. The
 * packing machine must not have an older version than the one that built the library.
 */
export async function packVendored(wanted, cached, folder = vendoredFolder, glibc = systemGlibc()) {
  const file = archiveName(wanted).replace(/\.gz$/, '.br')
  const place = join(folder, file)
  const unpacked = createHash('sha256')
  const progress = startProgress({
    part: 'v8',
    doing: 'packing V8 for vendor/v8',
    usually: '6 minutes',
  })
  try {
    await pipeline(
      createReadStream(cached),
      (await isGzip(cached)) ? createGunzip() : new PassThrough(),
      tap((chunk) => unpacked.update(chunk)),
      createBrotliCompress(largeWindow(constants.BROTLI_PARAM_LARGE_WINDOW, strongest)),
      createWriteStream(place),
    )
  } finally {
    progress.end()
  }
  const record = {
    version: wanted.version,
    target: wanted.target,
    features: featureSuffix(wanted.features),
    profile: wanted.profile,
    glibc,
    file,
    sha256: await sha256(place),
    unpackedSha256: unpacked.digest('hex'),
  }
  await writeFile(join(folder, 'archive.json'), `${JSON.stringify(record, null, 2)}\n`)
  say('v8', `packed to ${mebibytes(statSync(place).size)}: ${place}`)
}

/** A window of 256 MiB covers the whole library, in which repeated parts are far apart. */
const strongest = {
  [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
  [constants.BROTLI_PARAM_LGWIN]: 28,
}

function largeWindow(parameter, params = {}) {
  return { params: { [parameter]: 1, ...params } }
}

/** Passes chunks on and calls `observe` with each. */
function tap(observe) {
  return async function* (source) {
    for await (const chunk of source) {
      observe(chunk)
      yield chunk
    }
  }
}
