/**
 * Collects the licence texts of everything that is compiled into the library. The licence of a file is the nearest one
 * in its parent folders. The crate `v8` does not contain licence files, so `licences/` has them under the same paths.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../lib/log.mjs'
import { compiledFiles } from './compiled.mjs'

const addedLicences = fileURLToPath(new URL('licences', import.meta.url))

/** Upper case only: V8 has a source file named copying-phase.cc. */
const licenceFile = /^(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE)/

/**
 * The text of LICENSES.txt. `source` is a prepared source tree, `out` the folder of its ninja files. Throws if a
 * component has no licence text.
 */
export function collectLicences({ source, out, added = addedLicences, listFiles = compiledFiles }) {
  const files = listFiles(source, out)
  const components = new Set(files.map(componentOf))
  const licences = new Map()
  for (const folder of new Set(files.map(dirname))) {
    const nearest = nearestLicences(folder, [source, added])
    if (nearest.length > 0) licences.set(folder, nearest)
  }
  const missing = new Set(files.filter((file) => !licences.has(dirname(file))).map(componentOf))
  if (missing.size > 0) {
    throw new UserError(
      `no licence text for these components of V8: ${[...missing].join(', ')}\n` +
        `put their licence files into the same folders below ${added}`,
    )
  }
  const inSources = files.flatMap((file) =>
    noticesIn(readFileSync(join(source, file), 'utf8')).map((text) => ({ path: file, text })),
  )
  return render([...components].sort(), [...[...licences.values()].flat(), ...inSources])
}

/** The folder of a third-party project, such as "v8/third_party/glibc", or else the top-level folder. */
export function componentOf(path) {
  const project = /^(.*\b)?third_party\/(rust\/chromium_crates_io\/vendor\/)?[^/]+/.exec(path)
  return project?.[0] ?? path.split('/')[0]
}

/** The licences in the nearest folder that has any, up to the folder of the component. */
function nearestLicences(folder, places) {
  for (const place of places) {
    const licences = licencesIn(join(place, folder))
    if (licences.length > 0) {
      return licences.map(({ name, text }) => ({ path: `${folder}/${name}`, text }))
    }
  }
  return folder === componentOf(folder) ? [] : nearestLicences(dirname(folder), places)
}

function licencesIn(folder) {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  const licences = names.filter((name) => licenceFile.test(name))
  if (licences.length === 0 && names.includes('Cargo.toml')) return licenceOfManifest(folder)
  return licences.map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }))
}

/** The authors and licence fields of a crate without a licence file. */
function licenceOfManifest(folder) {
  const manifest = readFileSync(join(folder, 'Cargo.toml'), 'utf8')
  const lines = /^(authors|license) = ("[^"]*"|\[[^\]]*\])/gm
  const text = [...manifest.matchAll(lines)].map(([line]) => line).join('\n')
  return text.includes('license = ') ? [{ name: 'Cargo.toml', text }] : []
}

/** The licence texts in the comments of a source file. */
export function noticesIn(source) {
  const terms = /Redistribution and use in|Permission is hereby granted|Permission to use, copy/
  if (!terms.test(source)) return []
  const comments = source.matchAll(/\/\*[\s\S]*?\*\/|(?:^[ \t]*\/\/.*\n\s*)+/gm)
  return [...comments].filter(([comment]) => terms.test(comment)).map(([comment]) => legal(comment))
}

/** The legal paragraphs of a comment, without comment markers. */
function legal(comment) {
  return comment
    .split(/\n\s*\n(?=\s*\/\/)/)
    .filter((paragraph) => /copyright|licen[cs]e|permission|warrant/i.test(paragraph))
    .join('\n\n')
    .replace(/^[ \t]*(\/\/|\/\*+|\*+\/|\*) ?|\*\/$/gm, '')
}

/** Texts that differ only in white space appear once, below the paths of all their files. */
function render(components, licences) {
  const sections = new Map()
  for (const { path, text } of licences) {
    const words = text.replace(/\s+/g, ' ').trim()
    const section = sections.get(words) ?? { paths: new Set(), text }
    section.paths.add(path)
    sections.set(words, section)
  }
  const rule = '='.repeat(80)
  const parts = [...sections.values()]
    .map(({ paths, text }) => ({ title: [...paths].sort().join('\n'), text: tidy(text) }))
    .sort((a, b) => (a.title < b.title ? -1 : 1))
    .map(({ title, text }) => `${rule}\n${title}\n${rule}\n\n${text}\n`)
  return [introduction(components), ...parts].join('\n')
}

function introduction(components) {
  return [
    'The static library of V8 in this folder contains code of the components below. Their licences follow.',
    '',
    'Paths are those of the sources of the crate v8; "src" is the code of the crate itself. A component is',
    'listed as soon as a source names one of its headers. The Rust crates of Temporal are not in the library:',
    'cargo builds them as dependencies of the crate v8.',
    '',
    ...components.map((component) => `    ${component}`),
    '',
  ].join('\n')
}

/** Removes carriage returns, trailing white space, and empty lines around the text. */
function tidy(text) {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => line.trimEnd())
  return lines.join('\n').replace(/^\n+|\n+$/g, '')
}
