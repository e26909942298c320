/**
 * Calls that have to arrive in the end. A request can fail although nothing is wrong with it: WebKit drops those
 * that are under way when a page is left or an app is busy.
 */
import { report, toError } from './error.ts'

/** Milliseconds before the first repetition; every later one waits twice as long. */
const FIRST = 100

/** No repetition waits longer, in milliseconds. */
const LONGEST = 10_000

/** Attempts of {@link persist}: some two minutes. */
const MOST = 18

/** Repetitions of {@link insist}. */
const MOST_WAITED_FOR = 4

/** How long to wait after so many failures in a row, at least one, in milliseconds. */
export const backOff = (failures: number): number => Math.min(FIRST * 2 ** (failures - 1), LONGEST)

/** Whether a call may succeed when it is repeated: the Rust side has not refused it. */
export const isTransient = (thrown: unknown): boolean => toError(thrown).kind === 'unknown'

/** Repeats a call that may come twice, and that somebody waits for: for a second and a half. */
export async function insist<Answer>(attempt: () => Promise<Answer>): Promise<Answer> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt()
    } catch (thrown) {
      if (!isTransient(thrown) || failures > MOST_WAITED_FOR) throw thrown
    }
    await pause(failures)
  }
}

/** Repeats a call until it succeeds, is refused, or nobody wants it any more. What remains is reported. */
export async function persist(
  attempt: () => Promise<unknown>,
  isWanted: () => boolean = () => true,
): Promise<void> {
  for (let failures = 1; ; failures++) {
    try {
      await attempt()
      return
    } catch (thrown) {
      if (!isWanted()) return
      if (!isTransient(thrown) || failures === MOST) return report(thrown)
    }
    await pause(failures)
    if (!isWanted()) return
  }
}

const pause = (failures: number) => new Promise((resolve) => setTimeout(resolve, backOff(failures)))
