/**
 * Verifies the archive in cargo's cache. Unpacking takes a second or two, so the checksums of intact archives are
 * recorded in the project's cache: `{ "<file name>": "<sha256>" }`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { cacheDir } from '../lib/paths.mjs'
import { archiveDamage, isGzip, sha256 } from './archive.mjs'

/**
 * Returns `{ state: 'missing' | 'good' }` or `{ state: 'damaged', why }`. `unpacked` is the checksum of the library in
 * vendor/v8, if it fits.
 */
export async function inspectCached(file, env = process.env, unpacked = undefined) {
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile()) return { state: 'missing' }
  const sum = await sha256(file)
  if (readRecord(env)[basename(file)] === sum || sum === unpacked) return { state: 'good' }
  // Set-up unpacks vendor/v8 to a plain library, in which only the checksum reveals damaged contents.
  const why =
    unpacked && !(await isGzip(file)) ? 'its checksum is wrong' : await archiveDamage(file)
  if (why) return { state: 'damaged', why }
  remember(file, sum, env)
  return { state: 'good' }
}

function recordPath(env) {
  return join(cacheDir(env), 'v8-checked.json')
}

function readRecord(env) {
  try {
    return JSON.parse(readFileSync(recordPath(env), 'utf8'))
  } catch {
    // Missing or unreadable: the archive is checked in full.
    return {}
  }
}

/** Records that the file with this checksum is intact. */
export function remember(file, sum, env) {
  const record = { ...readRecord(env), [basename(file)]: sum }
  try {
    mkdirSync(dirname(recordPath(env)), { recursive: true })
    writeFileSync(recordPath(env), `${JSON.stringify(record, null, 2)}\n`)
  } catch {
    // Without a record the archive is checked in full next time.
  }
}
