/**
 * Computes the name, URL and cache path of the prebuilt V8, like the build script of the crate `v8` (`static_lib_url`
 * and `download_file` in its build.rs).
 */
import { dirname, join } from 'node:path'
import { UserError } from '../lib/log.mjs'
import { cargoHome, root } from '../lib/paths.mjs'
import { capture } from '../lib/run.mjs'

const releases = 'https://github.com/denoland/rusty_v8/releases/download'

/**
 * The resolved crate `v8`: its version, features and folder, the target and the profile. Downloads missing crates of
 * Cargo.lock.
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

/** Cargo's target triple: CARGO_BUILD_TARGET, or else the compiler's host. */
export function buildTarget(env = process.env) {
  if (env.CARGO_BUILD_TARGET) return env.CARGO_BUILD_TARGET
  const host = /^host: (.+)$/m.exec(capture('rustc', ['-vV'], { env }))
  if (!host) throw new UserError('`rustc -vV` names no host triple')
  return host[1]
}

/** Debug builds also link a release V8, unless V8_FORCE_DEBUG is set. */
function buildProfile(env) {
  return ['true', '1', 'yes'].includes(env.V8_FORCE_DEBUG ?? '') ? 'debug' : 'release'
}

/** The features in file names: "_ptrcomp_sandbox_simdutf". */
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
  // Windows has no debug archive, because rustc cannot link one.
  const stem = `rusty_v8${featureSuffix(features)}_${windows ? 'release' : profile}_${target}`
  return windows ? `${stem}.lib.gz` : `lib${stem}.a.gz`
}

/** The file in the crate's gen folder: "src_binding_simdutf_release_x86_64-unknown-linux-gnu.rs". */
export function bindingName({ features, target, profile = 'release' }) {
  return `src_binding${featureSuffix(features)}_${profile}_${target}.rs`
}

export function releaseUrl(wanted) {
  return `${releases}/v${wanted.version}/${archiveName(wanted)}`
}

/** A file name in the crate's cache: the URL with `_` for all characters but letters and digits. */
export function escapeUrl(url) {
  return url.replace(/[^a-z0-9]/gi, '_')
}

/** The file that the crate's build script looks for before it downloads. */
export function cachePath(wanted, env = process.env) {
  return join(cargoHome(env), '.rusty_v8', escapeUrl(releaseUrl(wanted)))
}
