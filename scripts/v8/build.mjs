/**
 * Builds V8 from the sources in the crate `v8`, for machines that cannot reach the upstream release. An interrupted
 * build continues where it stopped.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { UserError, duration, say } from '../lib/log.mjs'
import { cacheDir } from '../lib/paths.mjs'
import { capture } from '../lib/run.mjs'
import { distribution } from '../setup/distributions.mjs'
import { ensureSystemPackages } from '../setup/system.mjs'
import { addMissingCrates } from './crates.mjs'
import { ensureGn, generate } from './gn.mjs'
import { dryRun, ninja, packArchive } from './ninja.mjs'
import { prepareSources } from './sources.mjs'
import { ensureBindgen, ensureClang, llvm } from './tools.mjs'
import { bindingName } from './wanted.mjs'

/** The version and target for which the whole build was tested. */
const proven = { version: '150.4.0', target: 'x86_64-unknown-linux-gnu' }

/** Based on about 70 minutes on two cores. Compiling scales with the number of cores. */
export function estimatedMinutes(cores) {
  return Math.max(5, Math.round(140 / cores))
}

/** Prepares tools, sources and ninja files. Returns their folders. */
export async function prepareBuild(wanted, env = process.env) {
  const start = Date.now()
  checkSupported(wanted)
  const work = join(cacheDir(env), 'v8-build', `${wanted.version}-${wanted.target}`)
  mkdirSync(work, { recursive: true })
  say('v8', `building ${wanted.version} in ${work}: an interrupted build continues there`)
  await ensureSystemPackages(['engine', 'v8'], env)
  const tools = {
    clang: ensureClang(work),
    gn: await ensureGn(work, env),
    bindgen: await ensureBindgen(work, env),
  }
  const sysroot = capture('rustc', ['--print', 'sysroot'], { env }).trim()
  const source = await prepareSources(wanted, work, { env, sysroot })
  const out = join(work, 'out')
  generate({ wanted, source, out, tools, sysroot, env })
  await addMissingCrates(source, out, work, env)
  const steps = dryRun(out, env)
  say('v8', `prepared in ${duration(Date.now() - start)}: ${steps} steps to compile`)
  return { source, out, work }
}

/** Builds the library and writes it, packed, to `output`. */
export async function buildFromSource(wanted, { output, env = process.env }) {
  const start = Date.now()
  const cores = availableParallelism()
  say('v8', `this takes about ${estimatedMinutes(cores)} minutes on ${cores} cores`)
  const { out, work } = await prepareBuild(wanted, env)
  await ninja(out, env)
  const strip = join(llvm, 'bin', 'llvm-strip')
  await packArchive(join(out, 'obj', 'librusty_v8.a'), strip, work, output)
  say('v8', `built in ${duration(Date.now() - start)}; ${work} may be deleted`)
}

function checkSupported(wanted) {
  const alternatives =
    'set JS_RUNTIME_V8_DIR to a folder with the archive, or RUSTY_V8_ARCHIVE to the archive'
  if (wanted.target !== proven.target) {
    throw new UserError(
      `building V8 from source is supported for ${proven.target} only, not for ${wanted.target}: ${alternatives}`,
    )
  }
  if (!distribution()?.packages.v8) {
    throw new UserError(
      `building V8 from source is supported on Debian 12 and derivatives only: ${alternatives}`,
    )
  }
  const binding = bindingName(wanted)
  if (!existsSync(join(wanted.crateDir, 'gen', binding))) {
    throw new UserError(`the crate v8 ${wanted.version} has no gen/${binding}: ${alternatives}`)
  }
  if (wanted.version !== proven.version) {
    say('v8', `the build was tested with ${proven.version}; ${wanted.version} may need changes`)
  }
}
