// A comparison in one sentence, whichever way it went.
import { runtimeLabel, type RealRuntime } from './describe'
import { ratio } from './format'

interface Measured {
  runtime: RealRuntime
  result: { mean: number } | null
}

/**
 * Null until the embedded engine and something else were measured; in a build without the engine, until two
 * others were.
 */
export function verdictOn(lanes: readonly Measured[], hasEngine = true): string | null {
  const inside = lanes.find(({ runtime }) => runtime === 'embedded')?.result
  const others = lanes.flatMap(({ runtime, result }) =>
    result && runtime !== 'embedded' ? [{ runtime, mean: result.mean }] : [],
  )
  if (others.length < (hasEngine ? 1 : 2) || (hasEngine && !inside)) return null
  const best = others.reduce((a, b) => (b.mean < a.mean ? b : a))
  const worst = others.reduce((a, b) => (b.mean > a.mean ? b : a))
  const name = runtimeLabel(best.runtime)
  if (!inside) {
    const slowest = runtimeLabel(worst.runtime)
    return `${name} is the fastest here; ${slowest} takes ${ratio(worst.mean, best.mean)} as long.`
  }
  if (best.mean < inside.mean) {
    return `${name} is the fastest here; the embedded engine takes ${ratio(inside.mean, best.mean)} as long.`
  }
  const [from, to] = [ratio(best.mean, inside.mean), ratio(worst.mean, inside.mean)]
  const span = from === to ? from : `${from.slice(0, -1)} to ${to}`
  return `Inside the app is the fastest: the same call to a child process takes ${span} as long.`
}
