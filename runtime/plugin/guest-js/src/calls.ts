/** Calls that wait for their answers, so that each is answered even if the process cannot. */
import { JsRuntimeError } from './error.ts'
import type { Head } from './frames.ts'

/** The longest that a timer can wait, about 25 days; it would fire at once beyond that. */
const LONGEST = 2 ** 31 - 1

/** A timeout as timers take it: 0 for none. */
export function usableTimeout(ms: number | undefined): number {
  return ms !== undefined && ms > 0 && ms <= LONGEST ? ms : 0
}

interface Call {
  head: Head
  timer: ReturnType<typeof setTimeout> | undefined
}

export class Calls {
  readonly #waiting = new Map<string, Call>()
  readonly #fail: (head: Head, error: JsRuntimeError) => void
  readonly #processName: string
  readonly #timeout: number

  /**
   * @param timeout - Milliseconds after which a call fails. Without, or beyond what timers can do: never.
   * @param fail - Answers a call in place of the process.
   */
  constructor(
    processName: string,
    timeout: number | undefined,
    fail: (head: Head, error: JsRuntimeError) => void,
  ) {
    this.#processName = processName
    this.#timeout = usableTimeout(timeout)
    this.#fail = fail
  }

  add(head: Head): void {
    const timer =
      this.#timeout > 0 ? setTimeout(() => this.#expire(head), this.#timeout) : undefined
    this.#waiting.set(head.id, { head, timer })
  }

  /** It was answered. */
  settle(id: string): void {
    clearTimeout(this.#waiting.get(id)?.timer)
    this.#waiting.delete(id)
  }

  /** Fails one, unless it was answered meanwhile. */
  fail(id: string, error: JsRuntimeError): void {
    const call = this.#waiting.get(id)
    if (!call) return
    this.settle(id)
    this.#fail(call.head, error)
  }

  failAll(error: JsRuntimeError): void {
    for (const id of [...this.#waiting.keys()]) this.fail(id, error)
  }

  #expire({ id }: Head): void {
    const message = `process "${this.#processName}" did not answer within ${this.#timeout} ms`
    this.fail(id, new JsRuntimeError('timeout', message, this.#processName))
  }
}
