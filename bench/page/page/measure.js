/** The measurements: of lines that are written, and heard through `lines.heard`. */

const floodLines = 50_000

/** A flood is over when nothing has come for so long. */
const silenceMs = 2_000

const patienceMs = 30_000

/** So many lines of 1 MiB in a row. */
const echoCount = 10

export function median(samples) {
  return samples.toSorted((one, other) => one - other)[Math.floor(samples.length / 2)]
}

/** What `measure` gives so many times, one after the other. */
export async function series(count, measure) {
  const samples = []
  while (samples.length < count) samples.push(await measure())
  return samples
}

/** So many in a row are one sample: a page's clock has whole milliseconds. */
const inARow = 25

/** How long `step` takes, on the average of a few in a row; microseconds. */
export async function time(step) {
  const began = performance.now()
  for (let done = 0; done < inARow; done++) await step()
  return ((performance.now() - began) * 1000) / inARow
}

/** A line of 64 bytes there and back. */
export async function roundTrip(lines, write) {
  const answer = next(lines)
  await Promise.all([write(`${'x'.repeat(63)}\n`), answer])
}

/** Lines of 1 MiB there and back; how many a second. */
export async function echoes(lines, write) {
  const text = 'x'.repeat(2 ** 20 - 1)
  const began = performance.now()
  for (let sent = 0; sent < echoCount; sent++) {
    const answer = next(lines)
    await write(`${text}\n`)
    const { length } = await answer
    if (length !== text.length) throw new Error(`${length} of ${text.length} bytes came back`)
  }
  return (echoCount / (performance.now() - began)) * 1000
}

/** Lines that come by themselves: how many a second, and how many did not come. */
export async function flood(lines, write) {
  let heard = 0
  let last = performance.now()
  const began = last
  const all = new Promise((resolve) => {
    lines.heard = () => {
      last = performance.now()
      if (++heard === floodLines) resolve()
    }
  })
  await write(`flood ${floodLines}\n`)
  await Promise.race([all, silence(() => last)])
  return { rate: (heard / (last - began)) * 1000, lost: floodLines - heard }
}

function next(lines) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('no answer comes')), patienceMs)
    lines.heard = (line) => {
      clearTimeout(late)
      resolve(line)
    }
  })
}

function silence(last) {
  return new Promise((resolve) => {
    const look = setInterval(() => {
      if (performance.now() - last() < silenceMs) return
      clearInterval(look)
      resolve()
    }, 100)
  })
}
