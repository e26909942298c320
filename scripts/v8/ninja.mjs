/** Runs ninja with progress, and packs the library. */
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

/** The number of remaining steps. Throws if an input is missing. */
export function dryRun(out, env) {
  const output = capture('ninja', ['-C', out, '-n', target], { env: bootstrapEnv(env) })
  return stepsOf(output).total
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
      remedy: 'Fix the errors above (docs/building-v8.md), then run the same command again',
    },
    ['ninja', ['-C', out, target], { env: { ...bootstrapEnv(env), NINJA_STATUS: '[%f/%t] ' } }],
  )
}

/** "1180 of 2361 steps (50 %), about 35 min 2 s left" */
export function stepsSoFar(done, total, elapsed) {
  const text = `${done} of ${total} steps (${Math.floor((100 * done) / total)} %)`
  // The first steps are short and would give a wrong estimate.
  if (done < total / 20) return text
  return `${text}, about ${duration((elapsed / done) * (total - done))} left`
}

/** Strips debug symbols and packs the library with gzip, as the crate expects. */
export async function packArchive(library, strip, work, output) {
  const stripped = join(work, 'librusty_v8.stripped.a')
  capture(strip, ['--strip-debug', '-o', stripped, library])
  say('v8', 'packing')
  const gzip = createGzip({ level: constants.Z_BEST_COMPRESSION })
  await pipeline(createReadStream(stripped), gzip, createWriteStream(output))
  rmSync(stripped)
  say('v8', `packed to ${mebibytes((await stat(output)).size)}`)
}
