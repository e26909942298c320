/**
 * The supported Linux distributions: names of packages, and commands to query and install them.
 */
import { readFileSync } from 'node:fs'
import { tryCapture } from '../lib/run.mjs'
import { isAtLeast } from '../lib/versions.mjs'

/** The newest LLVM that Debian 12 has (in its security suite). */
export const llvmVersion = '22'

/**
 * Packages by purpose:
 * - `engine`: a C and C++ compiler with make (aws-lc, zstd, libffi, lcms2, linking) and libclang (the bindings
 *   of SQLite are generated while building);
 * - `window`: WebKitGTK's headers, and pkg-config, which finds them;
 * - `v8`: the tools of `npm run v8:build`;
 * - `test`: a virtual screen, OpenGL for it, WebKit's driver, and git, which lists the checked files;
 * - `rust`: alternative sets of the distribution's own compiler, cargo, formatter and linter.
 */
const families = {
  debian: {
    ids: ['debian', 'ubuntu'],
    packages: {
      engine: ['build-essential', 'ca-certificates', 'libclang-dev'],
      window: ['pkg-config', 'libwebkit2gtk-4.1-dev'],
      test: ['git', 'xvfb', 'libgl1-mesa-dri', 'webkit2gtk-driver'],
      v8: [
        ...['clang', 'lld', 'llvm'].map((name) => `${name}-${llvmVersion}`),
        `libclang-${llvmVersion}-dev`,
        `libclang-rt-${llvmVersion}-dev`,
        ...['ninja-build', 'libglib2.0-dev', 'pkg-config', 'python3'],
      ],
    },
    // Debian 12 has a current Rust with the suffix -web, Debian 13 one in its backports.
    rust: [
      ['cargo', 'rustc', 'rustfmt', 'rust-clippy'],
      ['cargo-web', 'rustc-web', 'rustfmt-web', 'rust-web-clippy'],
    ],
    // The output has a line for each installed architecture.
    isInstalled: (name, capture) =>
      capture('dpkg-query', ['-W', '-f', '${db:Status-Status}\\n', name])
        ?.split('\n')
        .includes('installed') ?? false,
    // apt refuses to work until an interrupted installation is completed.
    isBroken: (capture) => Boolean(capture('dpkg', ['--audit'])?.trim()),
    repair: [
      ['dpkg', '--configure', '-a'],
      ['apt-get', 'install', '-f', '-y', '-q'],
    ],
    update: ['apt-get', 'update', '-q'],
    // Some of these packages conflict with others. --no-remove protects the user's packages.
    install: ['apt-get', 'install', '-y', '-q', '--no-install-recommends', '--no-remove'],
    env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
    versions: (name, capture) =>
      [
        ...(capture('apt-cache', ['madison', name]) ?? '').matchAll(
          /^ *\S+ \| (\d+\.\d+)\S* \| \S+ (\S+?)\/\S+ /gm,
        ),
      ].map(([, version, suite]) => ({ version, suite })),
  },
  fedora: {
    ids: ['fedora', 'rhel'],
    packages: {
      engine: ['gcc', 'gcc-c++', 'make', 'ca-certificates', 'clang-devel'],
      window: ['pkgconf-pkg-config', 'webkit2gtk4.1-devel'],
      // dnf and rpm accept the path of a file for the package that contains it.
      test: ['git-core', 'xorg-x11-server-Xvfb', 'mesa-dri-drivers', '/usr/bin/WebKitWebDriver'],
    },
    rust: [['cargo', 'rust', 'rustfmt', 'clippy']],
    isInstalled: (name, capture) => capture('rpm', ['-q', '--whatprovides', name]) !== undefined,
    install: ['dnf', 'install', '-y'],
    env: { LC_ALL: 'C.UTF-8' },
    versions: (name, capture) =>
      [
        ...(capture('dnf', ['repoquery', '--qf', '%{version}\\n', name]) ?? '').matchAll(
          /^(\d+\.\d+)/gm,
        ),
      ].map(([, version]) => ({ version })),
  },
  arch: {
    ids: ['arch'],
    packages: {
      engine: ['base-devel', 'ca-certificates', 'clang'],
      window: ['pkgconf', 'webkit2gtk-4.1'],
      // webkit2gtk-4.1 does not contain WebKitWebDriver.
      test: ['git', 'xorg-server-xvfb', 'mesa', 'webkitgtk-6.0'],
    },
    rust: [['rust']],
    isInstalled: (name, capture) => capture('pacman', ['-T', name]) !== undefined,
    // Arch does not support partial upgrades: -y needs -u.
    install: ['pacman', '-Syu', '--needed', '--noconfirm'],
    env: { LC_ALL: 'C.UTF-8' },
    versions: (name, capture) =>
      [
        ...(capture('pacman', ['-Si', name]) ?? '').matchAll(/^Version +: (?:\d+:)?(\d+\.\d+)/gm),
      ].map(([, version]) => ({
        version,
      })),
  },
}

/**
 * The distribution of this machine; undefined if it is not supported.
 * @returns `{ name }` and the fields of one of the families above
 */
export function distribution(release = osRelease()) {
  const value = (key) => new RegExp(`^${key}=["']?([^"'\\n]*)["']?$`, 'm').exec(release)?.[1] ?? ''
  const ids = [value('ID'), ...value('ID_LIKE').split(' ')]
  const found = Object.values(families).find((family) => ids.some((id) => family.ids.includes(id)))
  return found && { name: value('PRETTY_NAME') || value('ID'), ...found }
}

function osRelease() {
  try {
    return readFileSync('/etc/os-release', 'utf8')
  } catch {
    // Not Linux, or a Linux without this file.
    return ''
  }
}

/** The packages of the given purposes. */
export function packagesFor(purposes, system) {
  return purposes.flatMap((purpose) => system.packages[purpose] ?? [])
}

/** The packages in `names` that are not installed. */
export function missingPackages(names, system, capture = captureFor(system)) {
  return names.filter((name) => !system.isInstalled(name, capture))
}

/** Queries the package manager in English. */
function captureFor(system) {
  return (program, args) => tryCapture(program, args, { env: { ...process.env, ...system.env } })
}

/**
 * The distribution's Rust packages if their version is at least `wanted` ("1.95"), with their suite if the package
 * manager needs it.
 */
export function packagedRust(wanted, system, capture = captureFor(system)) {
  for (const packages of system.rust) {
    const found = system
      .versions(packages[1] ?? packages[0], capture)
      .find(({ version }) => isAtLeast(version, wanted))
    if (found)
      return { packages, suite: found.suite?.endsWith('-backports') ? found.suite : undefined }
  }
  return undefined
}
