/** Temporary folders, which each test removes when it ends, and small archives. */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { packVendored, vendoredArchive } from '../v8/vendored.mjs'

export function temporaryFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), 'tauri-js-runtime-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function put(file, contents) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, contents)
  return file
}

/** A fake of the packed library. */
export const archive = gzipSync('!<arch>\nnot much of a library')

/** A fake of the unpacked library: an ar archive with one member of five bytes. */
export const library = Buffer.from(`!<arch>\n${'member/'.padEnd(48)}${'5'.padEnd(10)}\`\nhello`)

/** Packs `library` like vendor/v8 and returns the record of the archive. */
export async function vendoredLibrary(t, of = wanted) {
  const folder = temporaryFolder(t)
  await packVendored(of, put(join(folder, 'library.a'), library), folder, '2.36')
  return vendoredArchive(of, folder, '2.40')
}

export function checksumOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}

export const wanted = {
  version: '150.4.0',
  features: ['simdutf', 'use_custom_libcxx'],
  target: 'x86_64-unknown-linux-gnu',
  profile: 'release',
  crateDir: 'not-there',
}

export const archiveFile = 'librusty_v8_simdutf_release_x86_64-unknown-linux-gnu.a.gz'

/** An environment with an empty home folder. */
export function emptyHome(t) {
  return { HOME: temporaryFolder(t), PATH: process.env.PATH }
}
