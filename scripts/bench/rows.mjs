/** Rows of figures with the spread of their samples, and ratios of two rows. */

/** The percentile of samples, by nearest rank. */
export function percentile(samples, percent) {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)]
}

/** A row of samples, in the form of the rows that `runtime/core/benches/speed` prints. */
export function rowOf(figure, subject, unit, samples) {
  const at = (percent) => percentile(samples, percent)
  const spread = { min: at(0), q1: at(25), p50: at(50), q3: at(75), max: at(100) }
  return { figure, subject, unit, ...spread, samples: samples.length }
}

/** Higher is better for rates, lower for all other units. */
const isRate = ({ unit }) => unit === '1/s'

/**
 * The factor by which `a` is better than `b`: of the medians (`times`), and of the quartiles that are closest together
 * (`low`) and farthest apart (`high`).
 */
export function ratio(a, b) {
  const [more, less] = isRate(a) ? [a, b] : [b, a]
  return { times: more.p50 / less.p50, low: more.q1 / less.q3, high: more.q3 / less.q1 }
}

/** A ratio whose spread includes 1. */
export const isEqual = ({ low, high }) => low <= 1 && high >= 1

/** The row with the best median. */
export function bestOf(rows) {
  return rows.toSorted((a, b) => ratio(b, a).times - 1)[0]
}
