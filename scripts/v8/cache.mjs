/**
 * Judging the archive in cargo's cache. Unpacking it takes a second or two, so what was found good
 * is remembered by checksum: `{ "<file name>": "<sha256>" }` in this project's cache folder.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { cacheDir } from '../lib/paths.mjs'
import { archiveDamage, sha256 } from './archive.mjs'

/** `{ state: 'missing' | 'good' }` or `{ state: 'damaged', why }`. */
export async function inspectCached(file, env = process.env) {
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile()) return { state: 'missing' }
  const sum = await sha256(file)
  if (readRecord(env)[basename(file)] === sum) return { state: 'good' }
  const why = await archiveDamage(file)
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
    // none yet, or unreadable: the archive is then checked in full
    return {}
  }
}

/** Notes that this file with this checksum is whole. */
export function remember(file, sum, env) {
  const record = { ...readRecord(env), [basename(file)]: sum }
  mkdirSync(dirname(recordPath(env)), { recursive: true })
  writeFileSync(recordPath(env), `${JSON.stringify(record, null, 2)}\n`)
}
