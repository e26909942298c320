// Counts primes: a stream of intermediate counts.
import { setImmediate as nextIteration } from 'node:timers/promises'
import type { PrimeCount } from './shared-api.ts'

/** The number of items. */
const STEPS = 50

/** Counts the primes below `limit`. The last item is the result. */
export async function* countPrimes(limit: number): AsyncGenerator<PrimeCount> {
  let found = 0
  let next = 0
  for (let step = 1; step <= STEPS; step++) {
    const checked = Math.floor((limit * step) / STEPS)
    for (; next < checked; next++) if (isPrime(next)) found++
    yield { checked, found }
    // The event loop sends the item and handles other calls.
    await nextIteration()
  }
}

function isPrime(number: number): boolean {
  if (number % 2 === 0) return number === 2
  for (let divisor = 3; divisor * divisor <= number; divisor += 2) {
    if (number % divisor === 0) return false
  }
  return number > 1
}
