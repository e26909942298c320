/** Temporary folders and small archives for the tests; each test's folder goes when it ends. */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

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

/** A stand-in for the library: the same wrapping, a few bytes inside. */
export const archive = gzipSync('!<arch>\nnot much of a library')

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

/** The environment of a person with an empty home. */
export function emptyHome(t) {
  return { HOME: temporaryFolder(t), PATH: process.env.PATH }
}
