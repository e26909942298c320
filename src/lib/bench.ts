// The same call many times, one after the other, timed.

export interface Run {
  samples: number[]
  /** Milliseconds for all of them: exact even where the clock is too coarse for a single one. */
  total: number
}

export interface RunOptions {
  times: number
  /** Asked before each call. */
  cancelled?: () => boolean
  onProgress?: (done: number) => void
}

/** Often enough to look alive, seldom enough not to be what is measured. */
const PROGRESS_MS = 80

export async function repeat(call: () => Promise<unknown>, options: RunOptions): Promise<Run> {
  const samples: number[] = []
  const begin = performance.now()
  let told = begin
  let before = begin
  while (samples.length < options.times && !options.cancelled?.()) {
    await call()
    const now = performance.now()
    samples.push(now - before)
    if (now - told > PROGRESS_MS) {
      told = now
      options.onProgress?.(samples.length)
    }
    before = performance.now()
  }
  options.onProgress?.(samples.length)
  return { samples, total: samples.reduce((sum, sample) => sum + sample, 0) }
}

/** The least time that `performance.now` tells apart: WebKit rounds to a millisecond. */
export function clockResolution(now: () => number = () => performance.now()): number {
  let least = Infinity
  for (let changes = 0; changes < 3; changes++) {
    const before = now()
    let after = before
    while (after === before) after = now()
    least = Math.min(least, after - before)
  }
  return least
}
