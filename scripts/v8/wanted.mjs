/**
 * Which prebuilt V8 the crate `v8` will look for: the same name, URL and cache path as its build
 * script computes (see `static_lib_url` and `download_file` in the crate's build.rs).
 */
import { dirname, join } from 'node:path'
import { UserError } from '../lib/log.mjs'
import { cargoHome, root } from '../lib/paths.mjs'
import { capture } from '../lib/run.mjs'

const releases = 'https://github.com/denoland/rusty_v8/releases/download'

/**
 * What cargo resolved: `{ version, features, crateDir }` of the crate `v8`, and the triple it will
 * be built for. Downloads the crates of Cargo.lock where they are not there yet.
 */
export function resolveV8(env = process.env) {
  const target = buildTarget(env)
  const args = ['metadata', '--format-version', '1', '--filter-platform', target]
  if (env.CI === 'true') args.push('--locked')
  const stdio = ['ignore', 'pipe', 'inherit']
  const metadata = JSON.parse(capture('cargo', args, { cwd: root, env, stdio }))
  const found = metadata.packages.filter((p) => p.name === 'v8')
  if (found.length !== 1) {
    const versions = found.map((p) => p.version).join(', ') || 'none'
    throw new UserError(`expected one version of the crate v8 in Cargo.lock, found: ${versions}`)
  }
  const [{ id, version, manifest_path: manifest }] = found
  const features = metadata.resolve.nodes.find((node) => node.id === id).features
  return { version, features, target, crateDir: dirname(manifest), profile: buildProfile(env) }
}

/** The triple cargo builds for: CARGO_BUILD_TARGET, otherwise the compiler's host. */
export function buildTarget(env = process.env) {
  if (env.CARGO_BUILD_TARGET) return env.CARGO_BUILD_TARGET
  const host = /^host: (.+)$/m.exec(capture('rustc', ['-vV'], { env }))
  if (!host) throw new UserError('`rustc -vV` names no host triple')
  return host[1]
}

/** The crate links a release V8 into debug builds too, unless V8_FORCE_DEBUG says otherwise. */
function buildProfile(env) {
  return ['true', '1', 'yes'].includes(env.V8_FORCE_DEBUG ?? '') ? 'debug' : 'release'
}

/** The part of file names that tells the features: "_ptrcomp_sandbox_simdutf". */
export function featureSuffix(features) {
  return [
    ['v8_enable_pointer_compression', '_ptrcomp'],
    ['v8_enable_sandbox', '_sandbox'],
    ['simdutf', '_simdutf'],
  ]
    .filter(([feature]) => features.includes(feature))
    .map(([, suffix]) => suffix)
    .join('')
}

/** "librusty_v8_simdutf_release_x86_64-unknown-linux-gnu.a.gz" */
export function archiveName({ features, target, profile = 'release' }) {
  const windows = target.includes('-windows-')
  // There is no debug archive for Windows: rustc cannot link one.
  const stem = `rusty_v8${featureSuffix(features)}_${windows ? 'release' : profile}_${target}`
  return windows ? `${stem}.lib.gz` : `lib${stem}.a.gz`
}

/** "src_binding_simdutf_release_x86_64-unknown-linux-gnu.rs", a file of the crate's gen folder. */
export function bindingName({ features, target, profile = 'release' }) {
  return `src_binding${featureSuffix(features)}_${profile}_${target}.rs`
}

export function releaseUrl(wanted) {
  return `${releases}/v${wanted.version}/${archiveName(wanted)}`
}

/** The crate's cache names a download by its URL, with `_` for all but letters and digits. */
export function escapeUrl(url) {
  return url.replace(/[^a-z0-9]/gi, '_')
}

/** Where the crate's build script looks before it downloads. */
export function cachePath(wanted, env = process.env) {
  return join(cargoHome(env), '.rusty_v8', escapeUrl(releaseUrl(wanted)))
}
