/** Downloads with timeouts for the first answer and for stalls. */
import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { UserError, mebibytes, say } from './log.mjs'
import { startProgress } from './progress.mjs'

/** Milliseconds to wait for a response. */
const answerTimeout = 5_000

/** Milliseconds without data after which a download fails. */
const stallTimeout = 30_000

/**
 * Downloads `url` to `file`. Returns false if the server cannot be reached or does not have the file. `part` labels
 * the output.
 */
export async function downloadFile(url, file, part, timeout = answerTimeout) {
  const control = new AbortController()
  const response = await request(url, part, control, timeout)
  if (!response) return false
  await save(response, file, control, url, part)
  return true
}

/** Returns the text at `url`; undefined if the server cannot be reached or does not have it. */
export async function fetchText(url, part) {
  const control = new AbortController()
  const response = await request(url, part, control, answerTimeout)
  if (!response) return undefined
  const stall = stopwatch(control, stallTimeout)
  try {
    return await response.text()
  } finally {
    stall.stop()
  }
}

async function request(url, part, control, timeout) {
  say(part, `requesting ${url}`)
  const limit = stopwatch(control, timeout)
  let response
  try {
    response = await fetch(url, { redirect: 'follow', signal: control.signal })
  } catch (error) {
    const why = control.signal.aborted
      ? `no answer within ${timeout / 1000} s`
      : (error.cause?.code ?? error.message)
    say(part, `the server cannot be reached (${why})`)
    return undefined
  } finally {
    limit.stop()
  }
  if (response.ok) return response
  say(part, `the server answered ${response.status} ${response.statusText}`)
  await response.body?.cancel()
  return undefined
}

async function save(response, file, control, url, part) {
  const total = Number(response.headers.get('content-length')) || undefined
  const progress = startProgress({ part, doing: 'downloading' })
  const stall = stopwatch(control, stallTimeout)
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
    const why = control.signal.aborted ? `no data for ${stallTimeout / 1000} s` : error.message
    throw new UserError(`the download of ${url} broke off after ${mebibytes(received)}: ${why}`)
  } finally {
    stall.stop()
    progress.end()
  }
  const { size } = await stat(file)
  if (total !== undefined && size !== total) {
    throw new UserError(`${url}: received ${size} bytes instead of ${total}: try again`)
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
