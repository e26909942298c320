/** Rust: found where it is, or installed by rustup, or by the distribution where rustup has no network. */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { downloadFile, fetchText } from '../lib/download.mjs'
import { UserError, say } from '../lib/log.mjs'
import { cacheDir, cargoHome, root } from '../lib/paths.mjs'
import { tryCapture, which } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'
import { isAtLeast, systemGlibc } from '../lib/versions.mjs'
import { confirm } from './ask.mjs'
import { distribution, packagedRust } from './distributions.mjs'
import { install } from './system.mjs'

const components = ['rustfmt', 'clippy'].flatMap((name) => ['-c', name])

/** The oldest Rust that the workspace takes: `rust-version` of Cargo.toml, for instance "1.95". */
export function wantedRust() {
  return /^rust-version = "(.+)"$/m.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'))[1]
}

/** Of rustc and cargo that `env` finds: "1.95", the older of the two; undefined where one is missing. */
export function rustVersion(env, capture = tryCapture) {
  // rustup would install a toolchain that is missing, and say nothing for minutes.
  const asking = { env: { ...env, RUSTUP_AUTO_INSTALL: '0' } }
  const [rustc, cargo] = ['rustc', 'cargo'].map(
    (tool) => /^\w+ (\d+\.\d+)/.exec(capture(tool, ['--version'], asking) ?? '')?.[1],
  )
  return rustc && cargo && (isAtLeast(rustc, cargo) ? cargo : rustc)
}

/** The host's triple, by rustc's names; undefined where rustup has no installer. */
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
 * Makes sure that `cargo` and `rustc` of `env` are new enough. `env` is changed where a toolchain or a folder of
 * programs has to be named. A Rust of the user's is never removed or changed. `system` is the distribution whose
 * packages may be used.
 */
export async function ensureRust(env = process.env, system = distribution()) {
  const wanted = wantedRust()
  const isGood = () => isAtLeast(rustVersion(env) ?? '0.0', wanted)
  if (isGood()) return say('rust', `Rust ${rustVersion(env)} is there`)
  const found = rustVersion(env)
  const why = `Rust ${wanted} or newer is needed${found ? `, and ${found} is there` : ''}`
  say('rust', why)
  const ways = [
    which('rustup', env) ? () => addToolchain(wanted, env) : () => installRustup(env),
    () => installPackages(wanted, why, env, system),
  ]
  for (const way of ways) {
    if ((await way()) && isGood()) return say('rust', `Rust ${rustVersion(env)} is there`)
  }
  throw new UserError(`${why}. ${otherWays(wanted)}`)
}

/** Installs a toolchain beside the user's own; `env` names it for this command only. False where it cannot. */
async function addToolchain(wanted, env) {
  const toolchain = `${wanted}.0`
  if (!(await confirm(`Install Rust ${toolchain} with rustup, beside the installed one?`)))
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

/** Installs rustup and the stable toolchain in their usual places. False where it cannot. */
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

/** Runs a step for which there is another way: its failure is said, not thrown. */
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

/** rustup's installer, checked against the checksum beside it; undefined where its server does not answer. */
async function downloadInstaller(folder, env) {
  const triple = hostTriple()
  if (!triple)
    return void say('rust', `rustup has no installer for ${process.platform} on ${process.arch}`)
  // The variables are rustup's own, for mirrors.
  const mirror = env.RUSTUP_DIST_SERVER && `${env.RUSTUP_DIST_SERVER}/rustup`
  const base = env.RUSTUP_UPDATE_ROOT || mirror || 'https://static.rust-lang.org/rustup'
  const name = process.platform === 'win32' ? 'rustup-init.exe' : 'rustup-init'
  const url = `${base}/dist/${triple}/${name}`
  const program = join(folder, name)
  const list = await fetchText(`${url}.sha256`, 'rust')
  const [expected] = /^[0-9a-f]{64}/i.exec(list ?? '') ?? []
  if (!expected)
    return void say('rust', `rustup's server cannot be used: there is no checksum for ${url}`)
  if (!(await downloadFile(url, program, 'rust'))) return undefined
  const sum = createHash('sha256').update(readFileSync(program)).digest('hex')
  if (sum !== expected.toLowerCase())
    throw new UserError(
      `wrong checksum of ${url}: found ${sum}, expected ${expected}. Run the same command again`,
    )
  chmodSync(program, 0o755)
  return program
}

/** Installs the distribution's Rust where it is new enough; false where it has none. */
async function installPackages(wanted, why, env, system) {
  const packaged = system && packagedRust(wanted, system)
  if (!packaged) return false
  const { suite } = packaged
  await install(packaged.packages, system, `${why}. ${system.name} has it as packages`, {
    suite,
    env,
  })
  // rustup's programs without a toolchain would stand before those of the distribution.
  const rustup = join(cargoHome(env), 'bin')
  env.PATH = env.PATH.split(delimiter)
    .filter((folder) => folder !== rustup)
    .join(delimiter)
  delete env.RUSTUP_TOOLCHAIN
  return true
}

/** How else to get Rust. */
function otherWays(wanted) {
  return (
    `Ways to get Rust ${wanted} or newer by hand: rustup (rustup.rs), also from a mirror that RUSTUP_DIST_SERVER and RUSTUP_UPDATE_ROOT name; ` +
    'the folders ~/.cargo and ~/.rustup of another machine of this kind; or packages, after `apt-get update`: ' +
    'Debian 12 (`apt-get install cargo-web rustc-web rustfmt-web rust-web-clippy`), ' +
    'Debian 13 with its backports (`apt-get install -t trixie-backports cargo rustc rustfmt rust-clippy`), ' +
    'Fedora (`dnf install cargo rust rustfmt clippy`), Arch (`pacman -S rust`). Then run the same command again'
  )
}

/** Formatter and linter: `npm test` needs them, `npm start` does not. */
export function ensureRustLinters(env, capture = tryCapture) {
  for (const [tool, component] of [
    ['fmt', 'rustfmt'],
    ['clippy', 'clippy'],
  ]) {
    if (capture('cargo', [tool, '--version'], { env }) === undefined) {
      throw new UserError(
        `\`cargo ${tool}\` does not work: install it with \`rustup component add ${component}\`, or the package of your distribution that has it`,
      )
    }
  }
}
