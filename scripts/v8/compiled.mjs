/** Finds the source files that are compiled into the library, from ninja's files and `#include` lines. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { UserError } from '../lib/log.mjs'
import { capture } from '../lib/run.mjs'

const target = 'rusty_v8'
const library = 'obj/librusty_v8.a'

/** Inputs of generators other than C and C++. */
const generatorInput = /\.(dat|pdl|template|tq)$/

/**
 * Returns sorted paths relative to `source`. `out` is the folder of the ninja files; nothing needs to be compiled. The
 * sources of generators such as mksnapshot are included, because their output is part of the library.
 */
export function compiledFiles(source, out, run = capture) {
  const ninja = (...args) => run('ninja', ['-C', out, '-t', ...args])
  checkContents(ninja('query', library))
  const inputs = new Set(ninja('inputs', target).split('\n'))
  const units = JSON.parse(ninja('compdb')).filter(
    ({ output }) => output.endsWith('.o') && inputs.has(output),
  )
  const data = [...inputs].filter((file) => generatorInput.test(file))
  return [...withHeaders(units, out), ...data.map((file) => resolve(out, file))]
    .map((file) => relative(source, file).split(sep).join('/'))
    .filter((file) => !file.startsWith('..'))
    .sort()
}

/** The library must consist of objects only. Cargo builds and links the Rust part of Temporal. */
function checkContents(query) {
  const [inputs] = query.split('  outputs:')
  const explicit = [...inputs.matchAll(/^ {4}([^|\s].*)$/gm)].map(([, file]) => file)
  const other = explicit.find((file) => !file.endsWith('.o'))
  if (other) {
    throw new UserError(
      `${library} contains ${other}: extend compiled.mjs so that its licence is found`,
    )
  }
}

/**
 * The sources of `units` and all headers that they include. Preprocessor conditions are ignored, so the result may
 * contain unused headers. Headers of the system and the compiler are not in the tree.
 */
function withHeaders(units, out) {
  const isFile = remember((file) => statSync(file, { throwIfNoEntry: false })?.isFile() ?? false)
  const includesOf = remember(readIncludes)
  const headersOf = (file, folders) =>
    includesOf(file).map(({ name, quoted }) => {
      const places = quoted ? [dirname(file), ...folders] : folders
      return places.map((place) => join(place, name)).find(isFile)
    })

  const all = new Set()
  for (const { folders, sources } of byIncludeFolders(units, out)) {
    // A dry run generates no sources. The iteration also visits headers that the loop adds.
    const reached = new Set(sources.filter(isFile))
    for (const file of reached) {
      for (const header of headersOf(file, folders)) if (header) reached.add(header)
    }
    for (const file of reached) all.add(file)
  }
  return all
}

/** Groups sources by their include folders. */
function byIncludeFolders(units, out) {
  const groups = new Map()
  for (const { command, file } of units) {
    const flags = [...command.matchAll(/(?:-I|-isystem) ?(\S+)/g)].map(([, folder]) => folder)
    const folders = flags.map((folder) => resolve(out, folder))
    const group = groups.get(folders.join()) ?? { folders, sources: [] }
    group.sources.push(resolve(out, file))
    groups.set(folders.join(), group)
  }
  return groups.values()
}

function readIncludes(file) {
  const line = /^[ \t]*#[ \t]*include(?:_next)?[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)/gm
  return [...readFileSync(file, 'utf8').matchAll(line)].map(([, quoted, angled]) => ({
    name: quoted ?? angled,
    quoted: quoted !== undefined,
  }))
}

function remember(compute) {
  const known = new Map()
  return (key) => {
    if (!known.has(key)) known.set(key, compute(key))
    return known.get(key)
  }
}
