// Sums up a comparison of runtimes in one sentence.
import { runtimeLabel, type RealRuntime } from './describe'
import { ratio } from './format'

interface Measured {
  runtime: RealRuntime
  result: { mean: number } | null
}

/**
 * Null until the embedded engine and one other runtime are measured. A build without the engine
 * needs two runtimes.
 */
export function verdictOn(lanes: readonly Measured[], hasEngine = true): string | null {
  const embedded = lanes.find(({ runtime }) => runtime === 'embedded')?.result
  const children = lanes.flatMap(({ runtime, result }) =>
    result && runtime !== 'embedded' ? [{ runtime, mean: result.mean }] : [],
  )
  if (children.length < (hasEngine ? 1 : 2) || (hasEngine && !embedded)) return null
  const fastest = children.reduce((a, b) => (b.mean < a.mean ? b : a))
  const slowest = children.reduce((a, b) => (b.mean > a.mean ? b : a))
  const name = runtimeLabel(fastest.runtime)
  if (!embedded) {
    const other = runtimeLabel(slowest.runtime)
    return `${name} is the fastest here; ${other} takes ${ratio(slowest.mean, fastest.mean)} as long.`
  }
  if (fastest.mean < embedded.mean) {
    return `${name} is the fastest here; the embedded engine takes ${ratio(embedded.mean, fastest.mean)} as long.`
  }
  const [from, to] = [ratio(fastest.mean, embedded.mean), ratio(slowest.mean, embedded.mean)]
  const span = from === to ? from : `${from.slice(0, -1)} to ${to}`
  return `The embedded engine is the fastest here: a child process takes ${span} as long.`
}
