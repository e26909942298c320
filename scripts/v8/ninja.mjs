/** Running ninja with progress, and packing the library it made. */
import { createReadStream, createWriteStream, rmSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { duration, mebibytes, say } from '../lib/log.mjs'
import { capture } from '../lib/run.mjs'
import { runStep } from '../lib/step.mjs'
import { bootstrapEnv } from './gn.mjs'

const target = 'rusty_v8'

/** How many steps are left. Fails where an input is missing, as the real run would hours later. */
export function dryRun(out, env) {
  const said = capture('ninja', ['-C', out, '-n', target], { env: bootstrapEnv(env) })
  return stepsOf(said).total
}

/** The last "[n/total]" of ninja's output. */
export function stepsOf(text) {
  const [, done, total] = [...text.matchAll(/^\[(\d+)\/(\d+)\]/gm)].at(-1) ?? [0, 0, 0]
  return { done: Number(done), total: Number(total) }
}

/** Builds the library. */
export async function ninja(out, env) {
  const start = Date.now()
  await runStep(
    {
      name: 'compile V8',
      part: 'v8',
      doing: 'compiling V8',
      progress: (line) => {
        const { done, total } = stepsOf(line)
        return total > 0 ? stepsSoFar(done, total, Date.now() - start) : undefined
      },
      remedy:
        'Correct what the lines above name (docs/building-v8.md), then run the same command again',
    },
    ['ninja', ['-C', out, target], { env: { ...bootstrapEnv(env), NINJA_STATUS: '[%f/%t] ' } }],
  )
}

/** "1180 of 2361 steps (50 %), about 35 min 2 s left" */
export function stepsSoFar(done, total, spent) {
  const text = `${done} of ${total} steps (${Math.floor((100 * done) / total)} %)`
  // The first steps are small ones: an estimate from them would promise too much.
  if (done < total / 20) return text
  return `${text}, about ${duration((spent / done) * (total - done))} left`
}

/** Strips debug symbols and packs the library as the crate expects it. */
export async function packArchive(library, strip, work, output) {
  const stripped = join(work, 'librusty_v8.stripped.a')
  capture(strip, ['--strip-debug', '-o', stripped, library])
  say('v8', 'packing')
  const gzip = createGzip({ level: constants.Z_BEST_COMPRESSION })
  await pipeline(createReadStream(stripped), gzip, createWriteStream(output))
  rmSync(stripped)
  say('v8', `packed to ${mebibytes((await stat(output)).size)}`)
}
