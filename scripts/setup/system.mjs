/** System packages: installed where that is possible without asking, otherwise named exactly. */
import { UserError, say } from '../lib/log.mjs'
import { run, tryCapture, which } from '../lib/run.mjs'

/**
 * What the engine needs beside Rust: a C and C++ compiler with make (aws-lc, zstd, libffi, lcms2,
 * linking) and libclang (bindings of SQLite are generated while building).
 */
export const enginePackages = ['build-essential', 'libclang-dev']

const webKit = 'libwebkit2gtk-4.1-dev'

/** The app on top: its window is WebKitGTK, which pkg-config finds. */
export const buildPackages = [...enginePackages, 'pkg-config', webKit]

/** What drives the app in tests: a screen that nobody sees, with OpenGL, and WebKit's driver. */
export const testPackages = ['xvfb', 'libgl1-mesa-dri', 'webkit2gtk-driver']

/** The packages of `wanted` that dpkg does not know as installed. */
export function missingPackages(wanted, capture = tryCapture) {
  return wanted.filter((name) => {
    const state = capture('dpkg-query', ['-W', '-f', '${db:Status-Status}', name])
    return state?.trim() !== 'installed'
  })
}

/** True where apt may be used by this script: Debian or a relative of it. */
export function hasApt() {
  return which('dpkg-query') !== undefined && which('apt-get') !== undefined
}

export async function ensureSystemPackages(wanted) {
  if (!hasApt()) return checkByHand(wanted)
  const missing = missingPackages(wanted)
  if (missing.length === 0) return say('system', `packages are there: ${wanted.join(', ')}`)
  if (process.getuid?.() !== 0) {
    throw new UserError(
      `these Debian packages are missing: ${missing.join(', ')}\n` +
        `install them, then try again:\n\n` +
        `    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing.join(' ')}\n`,
    )
  }
  say('system', `installing Debian packages: ${missing.join(', ')}`)
  await installPackages(missing)
}

async function installPackages(names) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  // Another apt may be at work, as on a machine that was just started: wait for it.
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  try {
    await run('apt-get', ['update', '-q', ...wait], { env })
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...wait, ...names], {
      env,
    })
  } catch (error) {
    throw new UserError(
      `${error.message}\nthese Debian packages could not be installed: ${names.join(', ')}`,
    )
  }
}

/** Elsewhere packages have other names on every system: what they bring is looked for instead. */
function checkByHand(wanted) {
  // Windows compilers are found through the registry by cargo itself, not on PATH.
  if (process.platform === 'win32') return say('system', 'the MSVC build tools are left to cargo')
  if (which('cc') === undefined) {
    throw new UserError(
      'no C compiler: `cc` is not on PATH. Install a C and C++ compiler, make and libclang ' +
        '(macOS: `xcode-select --install`)',
    )
  }
  say('system', `C compiler: ${which('cc')} (libclang is needed too)`)
  const needsWebKit = process.platform === 'linux' && wanted.includes(webKit)
  if (needsWebKit && tryCapture('pkg-config', ['--exists', 'webkit2gtk-4.1']) === undefined) {
    throw new UserError(
      'pkg-config does not find webkit2gtk-4.1: install pkg-config and the development package of ' +
        'WebKitGTK 4.1 (Fedora: webkit2gtk4.1-devel, Arch: webkit2gtk-4.1)',
    )
  }
}
