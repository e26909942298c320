/**
 * The archive of V8 in vendor/v8: compares it with the crate `v8` of Cargo.lock, unpacks and packs it.
 * `archive.json` beside it says what it is: `{ version, target, features, profile, glibc, file, sha256,
 * unpackedSha256 }`.
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
 * The record of the archive where it fits `wanted` and this machine, otherwise undefined; says why it does
 * not fit.
 */
export function vendoredArchive(wanted, folder = vendoredFolder, glibc = systemGlibc()) {
  const list = join(folder, 'archive.json')
  if (!existsSync(list)) return undefined
  const record = JSON.parse(readFileSync(list, 'utf8'))
  const reason = whyNot(record, wanted, glibc)
  if (reason === undefined) return { ...record, path: join(folder, record.file) }
  say('v8', `vendor/v8 does not fit: ${reason}`)
  return undefined
}

function whyNot(record, wanted, glibc) {
  const have = `${record.version}${record.features} ${record.profile} for ${record.target}`
  const want = `${wanted.version}${featureSuffix(wanted.features)} ${wanted.profile} for ${wanted.target}`
  if (have !== want) return `it holds ${have}, needed is ${want}`
  if (!glibc) return `it needs glibc ${record.glibc}, and this system has another C library`
  if (!isAtLeast(glibc, record.glibc))
    return `it needs glibc ${record.glibc}, and this system has ${glibc}`
  return undefined
}

/** Unpacks the archive to `place` and compares both checksums with the record. */
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
    // A full disk is not the archive's fault.
    if (error.syscall) throw error
    damage = error.message
  } finally {
    progress.end()
  }
  // Brotli has no checksum of its own and stops early where the packed bytes are wrong.
  const found = damage ? await sha256(record.path) : packed.digest('hex')
  if (damage || found !== record.sha256 || unpacked.digest('hex') !== record.unpackedSha256) {
    throw new UserError(
      `wrong checksum of ${record.path}\n  expected ${record.sha256}\n  found    ${found}\n${restore(record)}`,
    )
  }
}

function restore(record) {
  return (
    `Restore it with \`git checkout vendor/v8/${record.file}\`, or name another source of V8 with ` +
    'JS_RUNTIME_V8_DIR or RUSTY_V8_ARCHIVE (docs/building-v8.md), then run the same command again'
  )
}

/**
 * Packs the library of cargo's cache into `folder` and writes its record. `glibc` is the version that the record
 * demands; the machine that packs must not be older than the machine that built.
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

/** Repeats lie far apart in a static library: a window of 256 MiB sees all of them. */
const strongest = {
  [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
  [constants.BROTLI_PARAM_LGWIN]: 28,
}

function largeWindow(parameter, params = {}) {
  return { params: { [parameter]: 1, ...params } }
}

/** Passes everything on and shows it to `look`. */
function tap(look) {
  return async function* (source) {
    for await (const chunk of source) {
      look(chunk)
      yield chunk
    }
  }
}
