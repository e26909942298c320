/** Running ninja with progress, and packing the library it made. */
import { spawn } from 'node:child_process'
import { createReadStream, createWriteStream, rmSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { UserError, duration, mebibytes, say } from '../lib/log.mjs'
import { startProgress } from '../lib/progress.mjs'
import { capture } from '../lib/run.mjs'
import { bootstrapEnv } from './gn.mjs'

const target = 'rusty_v8'

/** How many steps are left. Fails where an input is missing, as the real run would hours later. */
export function dryRun(out) {
  const said = capture('ninja', ['-C', out, '-n', target], { env: bootstrapEnv })
  return stepsOf(said).total
}

/** The last "[n/total]" of ninja's output. */
export function stepsOf(text) {
  const [, done, total] = [...text.matchAll(/^\[(\d+)\/(\d+)\]/gm)].at(-1) ?? [0, 0, 0]
  return { done: Number(done), total: Number(total) }
}

/** Builds the library. All output goes to `log`; the end of it is shown when ninja fails. */
export async function ninja(out, log) {
  const start = Date.now()
  const env = { ...bootstrapEnv, NINJA_STATUS: '[%f/%t] ' }
  const child = spawn('ninja', ['-C', out, target], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const file = createWriteStream(log)
  const shown = startProgress({ part: 'v8', doing: 'compiling V8' })
  const recent = []
  const take = (line) => {
    file.write(`${line}\n`)
    recent.push(line)
    if (recent.length > 40) recent.shift()
    const { done, total } = stepsOf(line)
    if (total > 0) shown.update(stepsSoFar(done, total, Date.now() - start))
  }
  const ended = new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new UserError(`ninja cannot be started: ${error.message}`)))
    child.on('close', resolve)
  })
  createInterface({ input: child.stdout }).on('line', take)
  createInterface({ input: child.stderr }).on('line', take)
  const code = await ended
  shown.end()
  file.end()
  if (code === 0) return
  throw new UserError(
    `ninja failed; its whole output is in ${log}, and this is the end:\n${recent.join('\n')}`,
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
