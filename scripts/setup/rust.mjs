/** Rust: found where it is, or installed by rustup, or by the distribution where rustup has no network. */
import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError, mebibytes, say } from '../lib/log.mjs'
import { cargoHome, root } from '../lib/paths.mjs'
import { tryCapture, which } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'
import { confirm } from './ask.mjs'
import { distribution, isAtLeast, packagedRust } from './distributions.mjs'
import { install } from './system.mjs'

const components = ['rustfmt', 'clippy']
const answerWithin = 10_000

/** The oldest Rust that the workspace takes: `rust-version` of Cargo.toml, for instance "1.95". */
export function wantedRust() {
  return /^rust-version = "(.+)"$/m.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'))[1]
}

/** Of the compiler that `env` finds: "1.95", or undefined. */
export function rustVersion(env, capture = tryCapture) {
  const versions = ['rustc', 'cargo'].map(
    (tool) => /^\w+ (\d+\.\d+)/.exec(capture(tool, ['--version'], { env }) ?? '')?.[1],
  )
  // An old one of the two is as good as none.
  return versions.includes(undefined)
    ? undefined
    : (versions.find((one) => !isAtLeast(one, wantedRust())) ?? versions[0])
}

/** The host's triple, by rustc's names. */
export function hostTriple({ platform, arch, report } = process) {
  const cpu = { x64: 'x86_64', arm64: 'aarch64' }[arch]
  const libc = report?.getReport?.().header?.glibcVersionRuntime ? 'gnu' : 'musl'
  const system = {
    linux: `unknown-linux-${libc}`,
    darwin: 'apple-darwin',
    win32: 'pc-windows-msvc',
  }[platform]
  return cpu && system && `${cpu}-${system}`
}

/**
 * Makes sure that `cargo` and `rustc` of `env` are new enough. `env` is changed where a toolchain has to be
 * named. A Rust of the user's is never removed or changed.
 */
export async function ensureRust(env = process.env) {
  const wanted = wantedRust()
  const found = rustVersion(env)
  if (found && isAtLeast(found, wanted)) return say('rust', `Rust ${found} is there`)
  const why = found
    ? `Rust ${found} is there, but ${wanted} or newer is needed`
    : `Rust ${wanted} or newer is needed`
  say('rust', why)
  if (found && which('rustup', env)) await addToolchain(wanted, env)
  else await installRust(wanted, why, env)
  const now = rustVersion(env)
  if (!now || !isAtLeast(now, wanted))
    throw new UserError(`${why}: what was installed is ${now ?? 'not found'}. ${otherWays(wanted)}`)
  say('rust', `Rust ${now} is there`)
}

/** Beside the user's own toolchains; `env` names it for this command only. */
async function addToolchain(wanted, env) {
  const toolchain = `${wanted}.0`
  if (!(await confirm(`Install Rust ${toolchain} with rustup, beside the one that is there?`)))
    throw new UserError(`Rust ${wanted} or newer is needed. ${otherWays(wanted)}`)
  await runStep(
    {
      name: 'rustup toolchain',
      part: 'rust',
      doing: `installing Rust ${toolchain}`,
      usually: 'a minute or two',
      remedy: otherWays(wanted),
    },
    [
      'rustup',
      [
        'toolchain',
        'install',
        toolchain,
        '--profile',
        'minimal',
        ...components.flatMap((name) => ['-c', name]),
      ],
      { env },
    ],
  )
  env.RUSTUP_TOOLCHAIN = toolchain
}

async function installRust(wanted, why, env) {
  const installer = await downloadRustup(env)
  if (!installer) return installPackagedRust(wanted, why)
  try {
    const where = `${cargoHome(env)} and ~/.rustup`
    if (!(await confirm(`Install Rust with rustup into ${where} (about 600 MB)?`)))
      throw new UserError(`${why}. ${otherWays(wanted)}`)
    await runStep(
      {
        name: 'rustup',
        part: 'rust',
        doing: 'installing Rust with rustup',
        usually: 'a minute or two',
        remedy: otherWays(wanted),
      },
      [
        installer.program,
        ['-y', '--profile', 'minimal', ...components.flatMap((name) => ['-c', name])],
        { env },
      ],
    )
  } finally {
    installer.remove()
  }
}

/** rustup's installer, checked against the checksum beside it; undefined where its server does not answer. */
async function downloadRustup(env) {
  const triple = hostTriple()
  if (!triple)
    throw new UserError(
      `rustup has no installer for ${process.platform} on ${process.arch}. ${otherWays(wantedRust())}`,
    )
  // The variables are rustup's own, for mirrors.
  const base =
    env.RUSTUP_UPDATE_ROOT ??
    (env.RUSTUP_DIST_SERVER
      ? `${env.RUSTUP_DIST_SERVER}/rustup`
      : 'https://static.rust-lang.org/rustup')
  const name = process.platform === 'win32' ? 'rustup-init.exe' : 'rustup-init'
  const url = `${base}/dist/${triple}/${name}`
  say('rust', `asking for ${url}`)
  let bytes, list
  try {
    ;[bytes, list] = await Promise.all([download(url), download(`${url}.sha256`)])
  } catch (error) {
    say('rust', `rustup's server cannot be reached (${error.cause?.code ?? error.message})`)
    return undefined
  }
  const sum = createHash('sha256').update(bytes).digest('hex')
  if (!list.toString('utf8').startsWith(sum))
    throw new UserError(
      `wrong checksum of ${url}: found ${sum}, its list says ${list}. Run the same command again`,
    )
  const folder = mkdtempSync(join(tmpdir(), 'rustup-'))
  const program = join(folder, name)
  writeFileSync(program, bytes)
  chmodSync(program, 0o755)
  say('rust', `downloaded rustup (${mebibytes(bytes.length)})`)
  return { program, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

async function download(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(answerWithin) })
  if (!response.ok) throw new Error(`answered ${response.status}`)
  return Buffer.from(await response.arrayBuffer())
}

/** The distribution's Rust, where it has one that is new enough. */
async function installPackagedRust(wanted, why, system = distribution()) {
  const packaged = system && packagedRust(wanted, system)
  if (!packaged)
    throw new UserError(`${why}, and rustup's server cannot be reached. ${otherWays(wanted)}`)
  await install(packaged.packages, system, `${why}. ${system.name} has it as packages`, packaged)
}

/** How else to get Rust. */
export function otherWays(wanted) {
  return (
    `Other ways to get Rust ${wanted} or newer: a mirror of rustup's server, named with RUSTUP_DIST_SERVER and RUSTUP_UPDATE_ROOT; ` +
    'the folders ~/.cargo and ~/.rustup of another machine of this kind; or packages: Debian 12 (`apt-get install cargo-web rustc-web rustfmt-web rust-web-clippy`), ' +
    'Debian 13 with its backports (`apt-get install -t trixie-backports cargo rustc rustfmt rust-clippy`), Fedora (`dnf install cargo rust rustfmt clippy`), Arch (`pacman -S rust`). ' +
    'Then run the same command again'
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
