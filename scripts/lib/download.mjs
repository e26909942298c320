/** Downloads, from servers that answer at once. */
import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { UserError, mebibytes, say } from './log.mjs'
import { startProgress } from './progress.mjs'

const answerLimit = 5_000
const stallAfter = 30_000

/**
 * True when `file` was written; false when the server cannot be reached or has no such file. `part` is the part of
 * the set-up that speaks.
 */
export async function downloadFile(url, file, part, answerWithin = answerLimit) {
  const control = new AbortController()
  const response = await ask(url, part, control, answerWithin)
  if (!response) return false
  await save(response, file, control, url, part)
  return true
}

/** The text at `url`, or undefined when the server cannot be reached or has none. */
export async function fetchText(url, part) {
  const control = new AbortController()
  const response = await ask(url, part, control, answerLimit)
  if (!response) return undefined
  const stall = stopwatch(control, stallAfter)
  try {
    return await response.text()
  } finally {
    stall.stop()
  }
}

async function ask(url, part, control, answerWithin) {
  say(part, `asking for ${url}`)
  const limit = stopwatch(control, answerWithin)
  let response
  try {
    response = await fetch(url, { redirect: 'follow', signal: control.signal })
  } catch (error) {
    const why = control.signal.aborted
      ? `no answer within ${answerWithin / 1000} s`
      : (error.cause?.code ?? error.message)
    say(part, `it cannot be reached (${why})`)
    return undefined
  } finally {
    limit.stop()
  }
  if (response.ok) return response
  say(part, `it answered ${response.status} ${response.statusText}`)
  await response.body?.cancel()
  return undefined
}

async function save(response, file, control, url, part) {
  const total = Number(response.headers.get('content-length')) || undefined
  const progress = startProgress({ part, doing: 'downloading' })
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
