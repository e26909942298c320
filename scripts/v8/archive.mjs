/** Verifies archives of V8 and writes files atomically. */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { UserError } from '../lib/log.mjs'

export async function sha256(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** Parses the output of sha256sum into a map from file name to checksum. */
export function parseChecksums(text) {
  const lines = text.split('\n').map((line) => /^([0-9a-f]{64}) [ *](.+)$/i.exec(line.trim()))
  return new Map(lines.filter(Boolean).map(([, sum, name]) => [name, sum.toLowerCase()]))
}

/** The checksum of `name` in the folder's SHA256SUMS. Throws if there is none. */
export function expectedChecksum(folder, name) {
  const list = join(folder, 'SHA256SUMS')
  if (!existsSync(list)) {
    throw new UserError(
      `${list} is missing: ${name} cannot be verified. Create the list with sha256sum`,
    )
  }
  const sum = parseChecksums(readFileSync(list, 'utf8')).get(name)
  if (!sum) throw new UserError(`${list} has no line for ${name}. Add it with sha256sum`)
  return sum
}

export async function verifyChecksum(file, expected) {
  const found = await sha256(file)
  if (found === expected) return
  throw new UserError(
    `wrong checksum of ${file}\n  expected ${expected}\n  found    ${found}\n` +
      'The file is damaged or another version: fetch it again',
  )
}

/** True if the file starts with gzip's magic bytes. */
export async function isGzip(file) {
  const handle = await open(file)
  try {
    const start = Buffer.alloc(2)
    await handle.read(start, 0, 2, 0)
    return start[0] === 0x1f && start[1] === 0x8b
  } finally {
    await handle.close()
  }
}

/** The damage of an archive; undefined if it is intact. gzip has a checksum and a length. */
export async function archiveDamage(file) {
  if (!(await isGzip(file))) return libraryDamage(file)
  const discard = new Writable({ write: (chunk, encoding, done) => done() })
  try {
    await pipeline(createReadStream(file), createGunzip(), discard)
    return undefined
  } catch (error) {
    return `gzip: ${error.message}`
  }
}

/** A static library has no checksum. Its members must end exactly at the end of the file. */
async function libraryDamage(file) {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    const magic = Buffer.alloc(8)
    await handle.read(magic, 0, 8, 0)
    if (magic.toString('latin1') !== '!<arch>\n') return 'it is neither gzip nor an ar archive'
    const header = Buffer.alloc(60)
    let position = 8
    while (position < size) {
      await handle.read(header, 0, 60, position)
      const length = Number.parseInt(header.toString('latin1', 48, 58), 10)
      if (header.toString('latin1', 58, 60) !== '`\n' || Number.isNaN(length))
        return `there is no member header at byte ${position}`
      // Members start at even positions. The last one may lack its padding.
      position += 60 + length
      if (position > size) return 'its last member is truncated'
      position += length % 2
    }
    return undefined
  } finally {
    await handle.close()
  }
}

/**
 * Writes the file `place` atomically: `fill` writes a temporary file next to it, which is then renamed. If `fill`
 * returns false, nothing is written and the result is false.
 */
export async function writeAtomically(place, fill) {
  await mkdir(dirname(place), { recursive: true })
  const prefix = join(dirname(place), `.${basename(place)}.`)
  await removeLeftovers(prefix)
  const temporary = prefix + randomBytes(6).toString('hex')
  try {
    if ((await fill(temporary)) === false) return false
    await flush(temporary)
    await rename(temporary, place)
    return true
  } catch (error) {
    if (!error.syscall) throw error
    throw new UserError(
      `${dirname(place)} cannot be written (${error.code}): make room for 400 MB there or set CARGO_HOME to ` +
        'another folder, then run the same command again',
    )
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Prevents a truncated file after a power loss. */
async function flush(file) {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes temporary files of killed runs. Files younger than an hour may belong to another running process. */
async function removeLeftovers(prefix) {
  for (const name of await readdir(dirname(prefix))) {
    const file = join(dirname(prefix), name)
    if (!file.startsWith(prefix)) continue
    const found = await stat(file).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > 3_600_000) await rm(file, { force: true })
  }
}

/** Copies the contents without the mode: the source may be read-only. */
export async function copyContents(from, to) {
  await pipeline(createReadStream(from), createWriteStream(to))
  const [source, copy] = await Promise.all([stat(from), stat(to)])
  if (source.size !== copy.size) throw new UserError(`${to} is shorter than ${from}: disk full?`)
}
