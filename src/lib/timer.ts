// The page's clock: WebKit rounds it to a millisecond, which is longer than many a call takes.
import { clockResolution } from './bench'
import { millis } from './format'

export const resolution = clockResolution()

/** Whether single calls can not be told apart. */
export const coarse = resolution > 0.5

/** One measured call: what is below the clock's resolution is said to be so. */
export const sampleText = (ms: number): string =>
  ms < resolution && coarse ? `< ${Math.ceil(resolution)} ms` : millis(ms)
