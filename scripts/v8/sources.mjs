/** Prepares a writable copy of the crate's sources, with changes for Debian's compilers. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { UserError, say } from '../lib/log.mjs'
import { vendor } from './crates.mjs'
import { llvmVersion } from '../setup/distributions.mjs'
import { link } from './tools.mjs'

/** Flags that are newer than this clang, with the files that set them. */
const newerFlags = [
  ['build/config/sanitizers/sanitizers.gni', '-fsanitize-ignore-for-ubsan-feature='],
  ['build/config/compiler/BUILD.gn', '"-fdiagnostics-show-inlining-chain"'],
  ['build/config/compiler/BUILD.gn', '"-fno-lifetime-dse"'],
]

export async function prepareSources(wanted, work, { env, sysroot }) {
  const source = join(work, 'src')
  if (!existsSync(source)) {
    say('v8', 'copying the sources out of the crate')
    const partial = `${source}.part`
    rmSync(partial, { recursive: true, force: true })
    cpSync(wanted.crateDir, partial, { recursive: true })
    renameSync(partial, source)
  }
  for (const [file, flag] of newerFlags) dropFlag(join(source, file), flag)
  linkRustc(source, sysroot)
  await addIcuData(source, work, env)
  return source
}

function dropFlag(file, flag) {
  const before = readFileSync(file, 'utf8')
  const after = withoutFlag(before, flag)
  if (after === before) return
  writeFileSync(file, after)
  say('v8', `dropped a flag that clang ${llvmVersion} does not know: ${flag.replace(/"/g, '')}`)
}

/** Removes the lines that set `flag`: an entry of a list, or `cflags += [ "…" ]`. */
export function withoutFlag(text, flag) {
  return text
    .split('\n')
    .filter(
      (line) =>
        !line
          .trim()
          .replace(/^cflags \+= \[ /, '')
          .startsWith(`"${flag.replace(/^"/, '')}`),
    )
    .join('\n')
}

/** GN expects the compiler as an input at this path, despite its arguments. */
function linkRustc(source, sysroot) {
  const bin = join(source, 'third_party', 'rust-toolchain', 'bin')
  mkdirSync(bin, { recursive: true })
  link(join(sysroot, 'bin', 'rustc'), join(bin, 'rustc'))
}

/** The crate does not contain ICU's data. Another crate does, whose version contains ICU's major version. */
async function addIcuData(source, work, env) {
  const icu = join(source, 'third_party', 'icu')
  const place = join(icu, 'common', 'icudtl.dat')
  if (existsSync(place)) return
  const { major_version: major } = JSON.parse(readFileSync(join(icu, 'version.json'), 'utf8'))
  say('v8', `fetching the data of ICU ${major}`)
  const crate = { name: 'deno_core_icudata', version: `0.${major}.0` }
  const [folder] = await vendor([crate], join(work, 'icu-data'), env)
  const data = join(folder, 'src', 'icudtl.dat')
  if (!existsSync(data))
    throw new UserError(`the crate ${crate.name} ${crate.version} has no src/icudtl.dat`)
  mkdirSync(join(icu, 'common'), { recursive: true })
  cpSync(data, `${place}.part`)
  renameSync(`${place}.part`, place)
}
