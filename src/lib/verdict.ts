// A comparison in one sentence, whichever way it went.
import { runtimeLabel, type RealRuntime } from './describe'
import { ratio } from './format'

interface Measured {
  runtime: RealRuntime
  result: { mean: number } | null
}

/** Null until the embedded engine and something else were measured. */
export function verdictOn(lanes: readonly Measured[]): string | null {
  const inside = lanes.find(({ runtime }) => runtime === 'embedded')?.result
  const others = lanes.flatMap(({ runtime, result }) =>
    result && runtime !== 'embedded' ? [{ runtime, mean: result.mean }] : [],
  )
  if (!inside || others.length === 0) return null
  const best = others.reduce((a, b) => (b.mean < a.mean ? b : a))
  const worst = others.reduce((a, b) => (b.mean > a.mean ? b : a))
  const name = runtimeLabel(best.runtime)
  if (best.mean < inside.mean) {
    return `${name} is the fastest here; the embedded engine takes ${ratio(inside.mean, best.mean)} as long.`
  }
  const [from, to] = [ratio(best.mean, inside.mean), ratio(worst.mean, inside.mean)]
  const span = from === to ? from : `${from.slice(0, -1)} to ${to}`
  return `Inside the app is the fastest: the same call to a child process takes ${span} as long.`
}
