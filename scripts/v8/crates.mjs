/**
 * Fetches the Rust crates that V8's build reads (for Temporal; they are not part of the library). The crate `v8` does
 * not contain their sources, but their build files, which have their names and exact versions.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { UserError, say } from '../lib/log.mjs'
import { downloadProgress, runCargo } from '../lib/cargo.mjs'
import { capture } from '../lib/run.mjs'

const vendorFolder = 'third_party/rust/chromium_crates_io/vendor'

/** Fetches the missing vendored crates that the build reads. */
export async function addMissingCrates(source, out, work, env) {
  const needed = neededFolders(capture('ninja', ['-C', out, '-t', 'inputs', 'rusty_v8']))
  const missing = needed.filter((folder) => !existsSync(join(source, vendorFolder, folder)))
  say('v8', `the build reads ${needed.length} Rust crates, ${missing.length} of them to fetch`)
  if (missing.length === 0) return
  const known = knownCrates(source)
  const crates = missing.map((folder) => {
    const crate = known.get(folder)
    if (!crate)
      throw new UserError(`no BUILD.gn under third_party/rust names the version of ${folder}`)
    return crate
  })
  const folders = await vendor(crates, join(work, 'crates'), env)
  mkdirSync(join(source, vendorFolder), { recursive: true })
  missing.forEach((name, index) => {
    const place = join(source, vendorFolder, name)
    rmSync(`${place}.part`, { recursive: true, force: true })
    cpSync(folders[index], `${place}.part`, { recursive: true })
    renameSync(`${place}.part`, place)
  })
}

/** The vendored folders among ninja's inputs. */
export function neededFolders(inputs) {
  const pattern = new RegExp(`${vendorFolder}/([^/\\s]+)/`, 'g')
  return [...new Set([...inputs.matchAll(pattern)].map(([, folder]) => folder))].sort()
}

/** Parses `{ folder, name, version }` from the BUILD.gn of a crate; undefined for other files. */
export function crateOfBuildFile(text) {
  const folder = new RegExp(`${vendorFolder}/([^/"]+)/`).exec(text)?.[1]
  const name = /cargo_pkg_name = "([^"]+)"/.exec(text)?.[1]
  const version = /cargo_pkg_version = "([^"]+)"/.exec(text)?.[1]
  return folder && name && version ? { folder, name, version } : undefined
}

function knownCrates(source) {
  const known = new Map()
  const rust = join(source, 'third_party', 'rust')
  for (const crate of readdirSync(rust, { withFileTypes: true })) {
    if (!crate.isDirectory()) continue
    for (const epoch of readdirSync(join(rust, crate.name))) {
      const file = join(rust, crate.name, epoch, 'BUILD.gn')
      const found = existsSync(file) && crateOfBuildFile(readFileSync(file, 'utf8'))
      if (found) known.set(found.folder, found)
    }
  }
  return known
}

/** The manifest of a project that depends on these crates. Two versions of one crate are possible. */
export function manifest(crates) {
  const dependencies = crates.map(
    ({ name, version }, index) =>
      `crate-${index} = { package = "${name}", version = "=${version}", default-features = false }`,
  )
  const head = [
    '[package]',
    'name = "fetch"',
    'version = "0.0.0"',
    'edition = "2021"',
    'publish = false',
  ]
  return [...head, '', '[workspace]', '', '[dependencies]', ...dependencies, ''].join('\n')
}

/** Fetches crates with a temporary project in `folder`. Returns their unpacked folders, in order. */
export async function vendor(crates, folder, env) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'src'), { recursive: true })
  writeFileSync(join(folder, 'Cargo.toml'), manifest(crates))
  writeFileSync(join(folder, 'src', 'lib.rs'), '')
  await runCargo(
    {
      name: 'fetch crates for V8',
      part: 'v8',
      doing: 'fetching crates',
      progress: downloadProgress,
      remedy: 'Check that crates.io can be reached, then run the same command again',
    },
    ['vendor', '--versioned-dirs', 'vendor'],
    { env, cwd: folder },
  )
  return crates.map(({ name, version }) => {
    const unpacked = join(folder, 'vendor', `${name}-${version}`)
    if (!existsSync(unpacked)) throw new UserError(`cargo vendor did not fetch ${name} ${version}`)
    return unpacked
  })
}
