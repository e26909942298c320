/** Finds Rust, or installs it with rustup, or from the distribution if rustup's server cannot be reached. */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { downloadFile, fetchText } from '../lib/download.mjs'
import { UserError, confirm, say } from '../lib/log.mjs'
import { cacheDir, cargoHome, root } from '../lib/paths.mjs'
import { tryCapture, which } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'
import { isAtLeast, systemGlibc } from '../lib/versions.mjs'
import { distribution, packagedRust } from './distributions.mjs'
import { install } from './system.mjs'

const components = ['rustfmt', 'clippy'].flatMap((name) => ['-c', name])

/** The minimum version of Rust: `rust-version` of Cargo.toml, such as "1.95". */
export function wantedRust() {
  return /^rust-version = "(.+)"$/m.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'))[1]
}

/** The older version of rustc and cargo in `env`, such as "1.95"; undefined if one is missing. */
export function rustVersion(env, capture = tryCapture) {
  // Otherwise rustup installs a missing toolchain, which takes minutes without output.
  const options = { env: { ...env, RUSTUP_AUTO_INSTALL: '0' } }
  const [rustc, cargo] = ['rustc', 'cargo'].map(
    (tool) => /^\w+ (\d+\.\d+)/.exec(capture(tool, ['--version'], options) ?? '')?.[1],
  )
  return rustc && cargo && (isAtLeast(rustc, cargo) ? cargo : rustc)
}

/** The host's target triple; undefined if rustup has no installer for it. */
export function hostTriple({ platform, arch } = process) {
  const cpu = { x64: 'x86_64', arm64: 'aarch64' }[arch]
  const libc = systemGlibc() ? 'gnu' : 'musl'
  const systems = {
    linux: `unknown-linux-${libc}`,
    darwin: 'apple-darwin',
    win32: 'pc-windows-msvc',
  }
  return cpu && systems[platform] && `${cpu}-${systems[platform]}`
}

/**
 * Ensures that `cargo` and `rustc` in `env` are new enough. May set a toolchain or PATH in `env`. Never removes or
 * changes the user's Rust. `system` is the distribution whose packages may be installed.
 */
export async function ensureRust(env = process.env, system = distribution()) {
  const wanted = wantedRust()
  const isNewEnough = () => isAtLeast(rustVersion(env) ?? '0.0', wanted)
  if (isNewEnough()) return say('rust', `found Rust ${rustVersion(env)}`)
  const found = rustVersion(env)
  const why = `Rust ${wanted} or newer is required${found ? `, found ${found}` : ''}`
  say('rust', why)
  const installers = [
    which('rustup', env) ? () => addToolchain(wanted, env) : () => installRustup(env),
    () => installPackages(wanted, why, env, system),
  ]
  for (const installer of installers) {
    if ((await installer()) && isNewEnough()) return say('rust', `found Rust ${rustVersion(env)}`)
  }
  throw new UserError(`${why}. ${manualInstructions(wanted)}`)
}

/** Installs a toolchain next to the user's and selects it in `env`. Returns false on failure. */
async function addToolchain(wanted, env) {
  const toolchain = `${wanted}.0`
  if (!(await confirm(`Install Rust ${toolchain} with rustup, next to the installed one?`)))
    return false
  const step = {
    name: 'rustup toolchain',
    part: 'rust',
    doing: `installing Rust ${toolchain}`,
    usually: 'a minute or two',
  }
  const args = ['toolchain', 'install', toolchain, '--profile', 'minimal', ...components]
  if (!(await succeeds(step, ['rustup', args, { env }]))) return false
  env.RUSTUP_TOOLCHAIN = toolchain
  return true
}

/** Installs rustup and the stable toolchain in the default folders. Returns false on failure. */
async function installRustup(env) {
  const folder = join(cacheDir(env), 'rustup')
  mkdirSync(folder, { recursive: true })
  try {
    const program = await downloadInstaller(folder, env)
    if (!program) return false
    const question = `Install Rust with rustup into ${cargoHome(env)} and ~/.rustup (about 600 MB)?`
    if (!(await confirm(question))) return false
    const step = {
      name: 'rustup',
      part: 'rust',
      doing: 'installing Rust with rustup',
      usually: 'a minute or two',
    }
    return await succeeds(step, [program, ['-y', '--profile', 'minimal', ...components], { env }])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs a step that has an alternative: prints its failure instead of throwing it. */
async function succeeds(step, command) {
  try {
    await runStep(step, command)
    return true
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    say('rust', error.message)
    return false
  }
}

/** Downloads rustup's installer and verifies its checksum; undefined if the server cannot be reached. */
async function downloadInstaller(folder, env) {
  const triple = hostTriple()
  if (!triple)
    return void say('rust', `rustup has no installer for ${process.platform} on ${process.arch}`)
  // rustup's variables for mirrors.
  const mirror = env.RUSTUP_DIST_SERVER && `${env.RUSTUP_DIST_SERVER}/rustup`
  const base = env.RUSTUP_UPDATE_ROOT || mirror || 'https://static.rust-lang.org/rustup'
  const name = process.platform === 'win32' ? 'rustup-init.exe' : 'rustup-init'
  const url = `${base}/dist/${triple}/${name}`
  const program = join(folder, name)
  const list = await fetchText(`${url}.sha256`, 'rust')
  const [expected] = /^[0-9a-f]{64}/i.exec(list ?? '') ?? []
  if (!expected) return void say('rust', `rustup's server has no checksum for ${url}`)
  if (!(await downloadFile(url, program, 'rust'))) return undefined
  const sum = createHash('sha256').update(readFileSync(program)).digest('hex')
  if (sum !== expected.toLowerCase())
    throw new UserError(
      `wrong checksum of ${url}: found ${sum}, expected ${expected}. Run the same command again`,
    )
  chmodSync(program, 0o755)
  return program
}

/** Installs the distribution's Rust. Returns false if it is too old or missing. */
async function installPackages(wanted, why, env, system) {
  const packaged = system && packagedRust(wanted, system)
  if (!packaged) return false
  const { suite } = packaged
  await install(packaged.packages, system, `${why}. ${system.name} has packages of it`, {
    suite,
    env,
  })
  // rustup's proxies without a toolchain would hide the distribution's programs.
  const rustup = join(cargoHome(env), 'bin')
  env.PATH = env.PATH.split(delimiter)
    .filter((folder) => folder !== rustup)
    .join(delimiter)
  delete env.RUSTUP_TOOLCHAIN
  return true
}

/** Instructions to install Rust by hand. */
function manualInstructions(wanted) {
  return (
    `To install Rust ${wanted} or newer by hand, use rustup (rustup.rs), with RUSTUP_DIST_SERVER and RUSTUP_UPDATE_ROOT for a mirror; ` +
    'the folders ~/.cargo and ~/.rustup of a similar machine; or packages, after `apt-get update`: ' +
    'Debian 12 (`apt-get install cargo-web rustc-web rustfmt-web rust-web-clippy`), ' +
    'Debian 13 with its backports (`apt-get install -t trixie-backports cargo rustc rustfmt rust-clippy`), ' +
    'Fedora (`dnf install cargo rust rustfmt clippy`), Arch (`pacman -S rust`). Then run the same command again'
  )
}

/** Throws if the formatter or linter is missing. Only `npm test` needs them. */
export function ensureRustLinters(env, capture = tryCapture) {
  for (const [tool, component] of [
    ['fmt', 'rustfmt'],
    ['clippy', 'clippy'],
  ]) {
    if (capture('cargo', [tool, '--version'], { env }) === undefined) {
      throw new UserError(
        `\`cargo ${tool}\` does not work: install it with \`rustup component add ${component}\`, or from your distribution`,
      )
    }
  }
}
