/**
 * V8 from the sources inside the crate `v8`, for machines that reach package registries but not the
 * upstream release. Every step finds out what an earlier run left, so it can be interrupted.
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

/** What the recipe was carried out with, from the first step to a library that works. */
const proven = { version: '150.4.0', target: 'x86_64-unknown-linux-gnu' }

/** Two cores took about 70 minutes; most of it is compiling, which spreads over all cores. */
export function estimatedMinutes(cores) {
  return Math.max(5, Math.round(140 / cores))
}

/** Everything before compiling: tools, sources and ninja files. Returns where they are. */
export async function prepareBuild(wanted, env = process.env) {
  const start = Date.now()
  checkSupported(wanted)
  const work = join(cacheDir(env), 'v8-build', `${wanted.version}-${wanted.target}`)
  mkdirSync(work, { recursive: true })
  say('v8', `building ${wanted.version} in ${work}: interrupted, it goes on there next time`)
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

/** Writes the packed library to `output`. */
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
  const others =
    'name a folder that holds the archive with JS_RUNTIME_V8_DIR, or the archive itself with RUSTY_V8_ARCHIVE'
  if (wanted.target !== proven.target) {
    throw new UserError(
      `V8 is built from source for ${proven.target} only, not for ${wanted.target}: ${others}`,
    )
  }
  if (!distribution()?.packages.v8) {
    throw new UserError(`V8 is built from source on Debian 12 and its like only: ${others}`)
  }
  const binding = bindingName(wanted)
  if (!existsSync(join(wanted.crateDir, 'gen', binding))) {
    throw new UserError(`the crate v8 ${wanted.version} has no gen/${binding}: ${others}`)
  }
  if (wanted.version !== proven.version) {
    say('v8', `the steps were proven with ${proven.version}; ${wanted.version} may need others`)
  }
}
