/** Downloading the upstream release, where it answers at once. */
import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { UserError, mebibytes, say } from '../lib/log.mjs'
import { startProgress } from '../lib/progress.mjs'

const answerLimit = 5_000
const stallAfter = 30_000

/** True when `file` was written; false when the server cannot be reached or has no such file. */
export async function downloadRelease(url, file, answerWithin = answerLimit) {
  say('v8', `asking for ${url}`)
  const control = new AbortController()
  const limit = stopwatch(control, answerWithin)
  let response
  try {
    response = await fetch(url, { redirect: 'follow', signal: control.signal })
  } catch (error) {
    const why = control.signal.aborted
      ? `no answer within ${answerWithin / 1000} s`
      : (error.cause?.code ?? error.message)
    say('v8', `the upstream release is not reachable (${why})`)
    return false
  } finally {
    limit.stop()
  }
  if (!response.ok) {
    say('v8', `the upstream release answered ${response.status} ${response.statusText}`)
    await response.body?.cancel()
    return false
  }
  await save(response, file, control, url)
  return true
}

async function save(response, file, control, url) {
  const total = Number(response.headers.get('content-length')) || undefined
  const progress = startProgress({ part: 'v8', doing: 'downloading' })
  const stall = stopwatch(control, stallAfter)
  let received = 0
  const count = new Transform({
    transform(chunk, encoding, done) {
      stall.restart()
      received += chunk.length
      progress.update(total ? `${mebibytes(received)} of ${mebibytes(total)}` : mebibytes(received))
      done(null, chunk)
    },
  })
  try {
    await pipeline(Readable.fromWeb(response.body), count, createWriteStream(file))
  } catch (error) {
    const why = control.signal.aborted ? `nothing came for ${stallAfter / 1000} s` : error.message
    throw new UserError(`the download of ${url} broke off after ${mebibytes(received)}: ${why}`)
  } finally {
    stall.stop()
    progress.end()
  }
  const { size } = await stat(file)
  if (total !== undefined && size !== total) {
    throw new UserError(`${url}: ${size} bytes came instead of ${total}: try again`)
  }
}

function stopwatch(control, milliseconds) {
  let timer
  const stop = () => clearTimeout(timer)
  const restart = () => {
    stop()
    timer = setTimeout(() => control.abort(), milliseconds)
  }
  restart()
  return { restart, stop }
}
