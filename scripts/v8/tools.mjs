/** Provides LLVM from Debian and bindgen from crates.io for the build. */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { runCargo } from '../lib/cargo.mjs'
import { UserError } from '../lib/log.mjs'
import { capture } from '../lib/run.mjs'
import { llvmVersion } from '../setup/distributions.mjs'

export const llvm = `/usr/lib/llvm-${llvmVersion}`
const bindgenVersion = '0.73.2'

/**
 * Creates a folder of links with the layout of Chromium's clang. Debian's runtime library has a name that the build does
 * not look for.
 */
export function ensureClang(work) {
  const base = join(work, 'clang')
  const inside = join('lib', 'clang', llvmVersion)
  const runtimes = join(base, inside, 'lib', 'x86_64-unknown-linux-gnu')
  const builtins = join(llvm, inside, 'lib', 'linux', 'libclang_rt.builtins-x86_64.a')
  if (!existsSync(builtins)) {
    throw new UserError(`${builtins} is missing: is libclang-rt-${llvmVersion}-dev installed?`)
  }
  mkdirSync(runtimes, { recursive: true })
  link(join(llvm, 'bin'), join(base, 'bin'))
  link(join(llvm, inside, 'include'), join(base, inside, 'include'))
  link(builtins, join(runtimes, 'libclang_rt.builtins.a'))
  return base
}

/** Installs bindgen, with rustfmt next to it and libclang in ../lib, where the build looks for them. */
export async function ensureBindgen(work, env = process.env) {
  const home = join(work, `bindgen-${bindgenVersion}`)
  if (!existsSync(join(home, 'bin', 'bindgen'))) {
    const target = join(work, 'bindgen-target')
    const step = {
      name: 'install bindgen',
      part: 'v8',
      doing: `compiling bindgen ${bindgenVersion}`,
      usually: 'a few minutes, once',
    }
    const args = ['install', 'bindgen-cli', '--locked', '--version', bindgenVersion, '--root', home]
    await runCargo(step, args, {
      env: { ...env, CARGO_TARGET_DIR: target, LIBCLANG_PATH: join(llvm, 'lib') },
    })
    rmSync(target, { recursive: true, force: true })
  }
  const sysroot = capture('rustc', ['--print', 'sysroot'], { env }).trim()
  link(join(sysroot, 'bin', 'rustfmt'), join(home, 'bin', 'rustfmt'))
  mkdirSync(join(home, 'lib'), { recursive: true })
  for (const name of readdirSync(join(llvm, 'lib'))) {
    if (/^libclang.*\.so/.test(name)) link(join(llvm, 'lib', name), join(home, 'lib', name))
  }
  return home
}

/** Creates a symbolic link. Replaces one of an earlier run, which may have used another compiler. */
export function link(to, place) {
  rmSync(place, { force: true })
  symlinkSync(to, place)
}
