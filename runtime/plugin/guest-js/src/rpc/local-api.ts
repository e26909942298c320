/** Answers calls of the other side with the functions that this side offers. */
import type { Request } from './kkrpc.ts'
import { hasMember, namesOf, perform } from './local.ts'

/** Milliseconds after which a window that does not offer a method may answer that it does not exist. */
const UNKNOWN_METHOD_MS = 500

/** The frames that answer one request. */
export interface Answer {
  /** `null` if nobody waits for the answer. */
  succeeded(value: unknown): string | null
  failed(error: unknown): string
}

export class LocalApi {
  #api: object | undefined
  readonly #claim: ((requestId: string) => Promise<boolean>) | undefined
  readonly #report: (error: unknown) => void
  readonly #send: (line: string) => void
  /** Calls that have not returned. */
  #running = 0
  #onIdle: (() => void) | null = null

  constructor(
    api: object | undefined,
    claim: ((requestId: string) => Promise<boolean>) | undefined,
    report: (error: unknown) => void,
    send: (line: string) => void,
  ) {
    this.#api = api
    this.#claim = claim
    this.#report = report
    this.#send = send
  }

  /** The names of the functions. */
  get offers(): string[] {
    return this.#api ? namesOf(this.#api) : []
  }

  expose(api: object): void {
    this.#api = api
  }

  /** Resolves when all calls have returned. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve()
    return new Promise((resolve) => (this.#onIdle = resolve))
  }

  /** Performs a request and sends its answer. A request without an address is claimed first. */
  answer(request: Request, id: string, isAddressed: boolean, answer: Answer): void {
    const api = this.#api
    if (!api) return
    const claim = this.#claim
    if (isAddressed || !claim) return this.#perform(api, request, answer)
    const claimed = () => {
      claim(id).then((isOurs) => {
        if (isOurs) this.#perform(api, request, answer)
      }, this.#report)
    }
    // Another window may offer the method.
    if (hasMember(api, request.path)) claimed()
    else setTimeout(claimed, UNKNOWN_METHOD_MS)
  }

  #perform(api: object, request: Request, { succeeded, failed }: Answer): void {
    const succeed = (value: unknown) => {
      let line: string | null
      try {
        line = succeeded(value)
      } catch (error) {
        line = failed(error)
      }
      if (line !== null) this.#send(line)
    }
    try {
      const result = perform(api, request)
      if (!isThenable(result)) return succeed(result)
      this.#running++
      // A thenable need not return a promise from `then`.
      Promise.resolve(result)
        .then(succeed, (error: unknown) => this.#send(failed(error)))
        .catch(this.#report)
        .finally(() => {
          if (--this.#running === 0) this.#onIdle?.()
        })
    } catch (error) {
      this.#send(failed(error))
    }
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Promise<unknown>).then === 'function'
  )
}
