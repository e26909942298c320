/** The measurements. `lines.onLine` is the current listener for lines of the backend. */

/** Lines of a flood, and items of a stream. */
export const manyItems = 100_000

/** A flood is over after a silence of this length. */
const silenceMs = 2_000

const timeoutMs = 30_000

/** Messages of 1 MiB per sample. */
const echoCount = 5

const mebibyte = 2 ** 20

/** Steps per sample: the clock of a page has a resolution of 1 ms. */
const stepsPerSample = 25

/** The average duration of `step` in microseconds. */
export async function time(step) {
  const start = performance.now()
  for (let done = 0; done < stepsPerSample; done++) await step()
  return ((performance.now() - start) * 1000) / stepsPerSample
}

/** Samples of each measurement, by name. The measurements alternate; each runs once before the first sample. */
export async function alternate(count, measurements) {
  const samples = {}
  for (const [name, measure] of Object.entries(measurements)) {
    await measure()
    samples[name] = []
  }
  for (let taken = 0; taken < count; taken++) {
    for (const [name, measure] of Object.entries(measurements)) samples[name].push(await measure())
  }
  return samples
}

/** Calls with 64 bytes and waits for the answer. */
export async function call(api) {
  const text = 'x'.repeat(64)
  if ((await api.echo(text)) !== text) throw new Error('the answer to a call is wrong')
}

/** Sends a line of 64 bytes and waits for its echo. */
export async function roundTrip(lines, write) {
  const answer = next(lines)
  await Promise.all([write(`${'x'.repeat(63)}\n`), answer])
}

/** Sends lines of 1 MiB and waits for their echoes. Returns lines per second. */
export async function echoes(lines, write) {
  const text = 'x'.repeat(mebibyte - 1)
  const start = performance.now()
  for (let sent = 0; sent < echoCount; sent++) {
    const answer = next(lines)
    await write(`${text}\n`)
    requireLength((await answer).length, text.length)
  }
  return (echoCount / (performance.now() - start)) * 1000
}

/** Calls with 1 MiB of bytes, which come back. Returns calls per second. */
export async function binaryEchoes(api) {
  const bytes = new Uint8Array(mebibyte)
  for (let index = 0; index < bytes.length; index++) bytes[index] = index * 31
  const start = performance.now()
  for (let sent = 0; sent < echoCount; sent++) {
    const answer = await api.echo(bytes)
    const { length } = answer
    requireLength(length, bytes.length)
    if (answer[length - 1] !== bytes[length - 1])
      throw new Error('the last byte that came back is wrong')
  }
  return (echoCount / (performance.now() - start)) * 1000
}

function requireLength(length, expected) {
  if (length !== expected) throw new Error(`${length} of ${expected} bytes came back`)
}

/** Requests many lines. Returns the lines per second and the number of lost lines. */
export async function flood(lines, write) {
  let received = 0
  let last = performance.now()
  const start = last
  const all = new Promise((resolve) => {
    lines.onLine = () => {
      last = performance.now()
      if (++received === manyItems) resolve()
    }
  })
  await write(`flood ${manyItems}\n`)
  await Promise.race([all, silence(() => last)])
  return { rate: (received / (last - start)) * 1000, lost: manyItems - received }
}

function next(lines) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no line within ${timeoutMs} ms`)), timeoutMs)
    lines.onLine = (line) => {
      clearTimeout(timer)
      resolve(line)
    }
  })
}

function silence(last) {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (performance.now() - last() < silenceMs) return
      clearInterval(timer)
      resolve()
    }, 100)
  })
}
