/** The measurements. `lines.onLine` is the current listener for lines of the backend. */

const floodLines = 50_000

/** A flood is over after a silence of this length. */
const silenceMs = 2_000

const timeoutMs = 30_000

/** Lines of 1 MiB per sample. */
const echoCount = 10

export function median(samples) {
  return samples.toSorted((one, other) => one - other)[Math.floor(samples.length / 2)]
}

/** Collects `count` results of `measure`, sequentially. */
export async function series(count, measure) {
  const samples = []
  while (samples.length < count) samples.push(await measure())
  return samples
}

/** Steps per sample: the clock of a page has a resolution of 1 ms. */
const stepsPerSample = 25

/** The average duration of `step` in microseconds. */
export async function time(step) {
  const start = performance.now()
  for (let done = 0; done < stepsPerSample; done++) await step()
  return ((performance.now() - start) * 1000) / stepsPerSample
}

/** Sends a line of 64 bytes and waits for its echo. */
export async function roundTrip(lines, write) {
  const answer = next(lines)
  await Promise.all([write(`${'x'.repeat(63)}\n`), answer])
}

/** Sends lines of 1 MiB and waits for their echoes. Returns lines per second. */
export async function echoes(lines, write) {
  const text = 'x'.repeat(2 ** 20 - 1)
  const start = performance.now()
  for (let sent = 0; sent < echoCount; sent++) {
    const answer = next(lines)
    await write(`${text}\n`)
    const { length } = await answer
    if (length !== text.length) throw new Error(`${length} of ${text.length} bytes came back`)
  }
  return (echoCount / (performance.now() - start)) * 1000
}

/** Requests many lines. Returns the lines per second and the number of lost lines. */
export async function flood(lines, write) {
  let received = 0
  let last = performance.now()
  const start = last
  const all = new Promise((resolve) => {
    lines.onLine = () => {
      last = performance.now()
      if (++received === floodLines) resolve()
    }
  })
  await write(`flood ${floodLines}\n`)
  await Promise.race([all, silence(() => last)])
  return { rate: (received / (last - start)) * 1000, lost: floodLines - received }
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
