/**
 * Runs gn, the generator of V8's ninja files. Debian 12's version is too old, so the one of Debian unstable is unpacked
 * into the work folder, with its C library. It is not installed.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError, say } from '../lib/log.mjs'
import { capture } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'
import { llvmVersion } from '../setup/distributions.mjs'

const packages = ['generate-ninja', 'libc6', 'libstdc++6', 'libgcc-s1']

/**
 * The command line of gn: the variable GN, as in the crate's own build, or the one of Debian unstable. Older versions
 * fail with "Assignment had no effect".
 */
export async function ensureGn(work, env = process.env) {
  if (env.GN) return [env.GN]
  const folder = join(work, 'gn')
  if (!existsSync(folder)) await unpackGn(work, folder, env)
  return gnCommand(folder)
}

/** A program of a newer Debian needs the loader of that Debian. */
function gnCommand(folder) {
  const libraries = ['lib', 'usr/lib'].map((dir) => join(folder, dir, 'x86_64-linux-gnu'))
  const loader = libraries.map((dir) => join(dir, 'ld-linux-x86-64.so.2')).find(existsSync)
  if (!loader) {
    throw new UserError(`${folder} has no ld-linux-x86-64.so.2: delete it and try again`)
  }
  return [loader, '--library-path', libraries.join(':'), join(folder, 'usr', 'bin', 'gn')]
}

async function unpackGn(work, folder, env) {
  say('v8', 'fetching gn from Debian unstable (unpacked for this build only)')
  const apt = join(work, 'apt')
  rmSync(apt, { recursive: true, force: true })
  const unpacked = join(apt, 'unpacked')
  for (const dir of ['lists/partial', 'cache/archives/partial', 'unpacked']) {
    mkdirSync(join(apt, dir), { recursive: true })
  }
  writeFileSync(join(apt, 'status'), '')
  writeFileSync(join(apt, 'sources.list'), `deb ${signedBy()}${debianMirror()} sid main\n`)
  const options = Object.entries({
    'Dir::Etc::SourceList': join(apt, 'sources.list'),
    'Dir::Etc::SourceParts': '-',
    'Dir::State::Lists': join(apt, 'lists'),
    // An empty list of installed packages, independent of this system.
    'Dir::State::Status': join(apt, 'status'),
    'Dir::Cache': join(apt, 'cache'),
    'APT::Sandbox::User': '',
  }).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  for (const command of [['update'], ['download', ...packages]]) {
    const step = {
      name: `gn: apt-get ${command[0]}`,
      part: 'v8',
      doing: `fetching gn: apt-get ${command[0]}`,
      remedy: 'Check that the Debian mirror can be reached, or set the variable GN to a recent gn',
    }
    await runStep(step, ['apt-get', [...options, '-q', ...command], { cwd: apt, env }])
  }
  for (const file of readdirSync(apt).filter((name) => name.endsWith('.deb'))) {
    capture('dpkg', ['-x', join(apt, file), unpacked])
  }
  renameSync(unpacked, folder)
  rmSync(apt, { recursive: true, force: true })
}

/** The Debian mirror of this machine. */
function debianMirror() {
  const format = '$(REPO_URI) $(ORIGIN) $(LABEL) $(COMPONENT)'
  const lines = capture('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])
  const mirror = lines.split('\n').find((line) => line.endsWith(' Debian Debian main'))
  if (!mirror) {
    throw new UserError(
      'apt has no Debian mirror from which to fetch gn: set the variable GN to a recent gn',
    )
  }
  return mirror.split(' ')[0]
}

/** Restricts the source to Debian's own keys. */
function signedBy() {
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg'
  return existsSync(keys) ? `[signed-by=${keys}] ` : ''
}

/** The arguments that the crate's build script passes to gn, plus those for Debian's compilers. */
export function gnArguments({ wanted, tools, sysroot, rustcVersion }) {
  const has = (feature) => wanted.features.includes(feature)
  const sandbox = has('v8_enable_sandbox')
  return [
    `is_debug=${wanted.profile === 'debug'}`,
    `use_custom_libcxx=${has('use_custom_libcxx')}`,
    `v8_enable_sandbox=${sandbox}`,
    ...(sandbox ? ['v8_enable_external_code_space=true'] : []),
    `v8_enable_pointer_compression=${sandbox || has('v8_enable_pointer_compression')}`,
    `v8_enable_v8_checks=${has('v8_enable_v8_checks')}`,
    `rusty_v8_enable_simdutf=${has('simdutf')}`,
    `clang_base_path="${tools.clang}"`,
    `clang_version="${llvmVersion}"`,
    'treat_warnings_as_errors=false',
    'v8_monolithic_for_shared_library=true',
    'symbol_level=0',
    `rust_sysroot_absolute="${sysroot}"`,
    `rustc_version="${rustcVersion}"`,
    `rust_bindgen_root="${tools.bindgen}"`,
  ].join(' ')
}

/** V8's Rust code uses unstable features. RUSTC_BOOTSTRAP enables them in a stable compiler. */
export function bootstrapEnv(env) {
  return { ...env, RUSTC_BOOTSTRAP: '1', PYTHONDONTWRITEBYTECODE: '1' }
}

export function generate({ wanted, source, out, tools, sysroot, env }) {
  const rustcVersion = /^release: (.+)$/m.exec(capture('rustc', ['-vV'], { env }))[1]
  const args = gnArguments({ wanted, tools, sysroot, rustcVersion })
  const [program, ...before] = tools.gn
  const options = [`--root=${source}`, '--script-executable=python3', 'gen', out, `--args=${args}`]
  const output = capture(program, [...before, ...options], { env: bootstrapEnv(env) })
  say('v8', `gn: ${output.trim().split('\n').at(-1)}`)
}
