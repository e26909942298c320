/** RPC requests that wait for their responses. The page fails them when the process cannot answer. */
import { JsRuntimeError } from './error.ts'
import type { FrameHeader } from './frames.ts'

/** Longest delay of `setTimeout` in milliseconds, about 25 days. Longer delays fire at once. */
const MAX_TIMEOUT = 2 ** 31 - 1

/** A timeout in milliseconds that `setTimeout` accepts; 0 for none. */
export function usableTimeout(ms: number | undefined): number {
  return ms !== undefined && ms > 0 && ms <= MAX_TIMEOUT ? ms : 0
}

interface PendingRequest {
  header: FrameHeader
  timer: ReturnType<typeof setTimeout> | undefined
}

export class PendingRequests {
  readonly #pending = new Map<string, PendingRequest>()
  readonly #fail: (header: FrameHeader, error: JsRuntimeError) => void
  readonly #processName: string
  readonly #timeout: number

  /**
   * @param timeout - Milliseconds after which a request fails. Without a value, or with one that timers cannot
   * handle, requests do not time out.
   * @param fail - Delivers an error response for a request.
   */
  constructor(
    processName: string,
    timeout: number | undefined,
    fail: (header: FrameHeader, error: JsRuntimeError) => void,
  ) {
    this.#processName = processName
    this.#timeout = usableTimeout(timeout)
    this.#fail = fail
  }

  add(header: FrameHeader): void {
    const timer =
      this.#timeout > 0 ? setTimeout(() => this.#expire(header), this.#timeout) : undefined
    this.#pending.set(header.id, { header, timer })
  }

  /** Removes a request after its response arrived. */
  settle(id: string): void {
    clearTimeout(this.#pending.get(id)?.timer)
    this.#pending.delete(id)
  }

  /** Fails a request that is still pending. */
  fail(id: string, error: JsRuntimeError): void {
    const request = this.#pending.get(id)
    if (!request) return
    this.settle(id)
    this.#fail(request.header, error)
  }

  failAll(error: JsRuntimeError): void {
    for (const id of [...this.#pending.keys()]) this.fail(id, error)
  }

  #expire({ id }: FrameHeader): void {
    const message = `process "${this.#processName}" did not answer within ${this.#timeout} ms`
    this.fail(id, new JsRuntimeError('timeout', message, this.#processName))
  }
}
