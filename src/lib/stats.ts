// Statistics of latencies.

export interface Summary {
  count: number
  min: number
  p50: number
  p99: number
  max: number
}

/** The value that `share` (0 to 1) of the sorted samples do not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  const rank = Math.ceil(share * sorted.length) - 1
  return sorted[Math.min(Math.max(rank, 0), sorted.length - 1)] ?? Number.NaN
}

export function summarise(samples: readonly number[]): Summary | null {
  if (samples.length === 0) return null
  const sorted = [...samples].sort((a, b) => a - b)
  return {
    count: sorted.length,
    min: sorted[0]!,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    max: sorted.at(-1)!,
  }
}

export interface Bin {
  from: number
  to: number
  count: number
}

/**
 * Bins of equal width from the smallest sample to the 99th percentile. The last bin includes larger
 * samples: otherwise one outlier would leave only the first bin filled. No bin is narrower than
 * `resolution`, the resolution of the clock: otherwise bins in between would stay empty.
 */
export function histogram(samples: readonly number[], maxBins: number, resolution = 0): Bin[] {
  const summary = summarise(samples)
  if (!summary) return []
  const { min, p99 } = summary
  const range = p99 - min || Math.max(min, 1e-3)
  const bins =
    resolution > 0 ? Math.min(Math.max(Math.round(range / resolution), 1), maxBins) : maxBins
  const width = range / bins
  const counts = new Array<number>(bins).fill(0)
  for (const sample of samples) {
    counts[Math.min(Math.floor((sample - min) / width), bins - 1)]!++
  }
  return counts.map((count, i) => ({ from: min + i * width, to: min + (i + 1) * width, count }))
}

/** SVG points of a line through `samples`, oldest on the left. Empty for fewer than two samples. */
export function sparkline(samples: readonly number[], width: number, height: number): string {
  if (samples.length < 2) return ''
  // The axis starts at zero, so that noise stays small.
  const top = Math.max(...samples) || 1
  const step = width / (samples.length - 1)
  return samples
    .map((sample, i) => `${round(i * step)},${round(height - (sample / top) * height)}`)
    .join(' ')
}

const round = (value: number) => Math.round(value * 10) / 10
