// Repeats a call sequentially and measures it.
import { millis } from './format'

export interface Run {
  samples: number[]
  /** Milliseconds for all calls. Exact even if the clock is too coarse for a single call. */
  total: number
}

export interface RunOptions {
  times: number
  /** Checked before each call. */
  cancelled?: () => boolean
  onProgress?: (done: number) => void
}

/** A compromise: smooth on screen, negligible in the measurement. */
const PROGRESS_MS = 80

export async function repeat(call: () => Promise<unknown>, options: RunOptions): Promise<Run> {
  const samples: number[] = []
  const begin = performance.now()
  let lastReport = begin
  let callStart = begin
  while (samples.length < options.times && !options.cancelled?.()) {
    await call()
    const now = performance.now()
    samples.push(now - callStart)
    if (now - lastReport > PROGRESS_MS) {
      lastReport = now
      options.onProgress?.(samples.length)
    }
    callStart = performance.now()
  }
  options.onProgress?.(samples.length)
  return { samples, total: samples.reduce((sum, sample) => sum + sample, 0) }
}

/** The resolution of `performance.now` in milliseconds: 1 in WebKit. */
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

export const resolution = clockResolution()

/** True if the clock cannot measure a single call. */
export const isCoarse = resolution > 0.5

/** The duration of one call. Durations below the resolution of the clock read `< 1 ms`. */
export const sampleText = (ms: number): string =>
  ms < resolution && isCoarse ? `< ${Math.ceil(resolution)} ms` : millis(ms)
