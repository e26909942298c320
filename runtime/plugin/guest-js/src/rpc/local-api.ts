/** Answers calls of the other side with the functions that this side offers. */
import type { Request } from './kkrpc.ts'
import { hasMember, namesOf, perform } from './local.ts'

/** Milliseconds for pages with kkrpc, which answer without a claim, before a window says that a method does not exist. */
const UNKNOWN_METHOD_MS = 500

/** Milliseconds between two claims of a window that waits for others: the first pause, and the longest. */
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

/** The answer to a claim: this endpoint answers the request, another one does, or another one still may. */
export type ClaimAnswer = 'granted' | 'taken' | 'wait'

/** Claims a request that other windows have received too. `offers`: whether this endpoint has the member. */
export type Claim = (requestId: string, offers: boolean) => Promise<ClaimAnswer>

/** The frames that answer one request. */
export interface Answer {
  /**
   * `null` if no caller waits for the answer.
   *
   * @throws `TypeError` for a value that cannot be sent.
   */
  succeeded(value: unknown): string | null
  failed(error: unknown): string
}

export class LocalApi {
  #api: object | undefined
  readonly #claim: Claim | undefined
  readonly #report: (error: unknown) => void
  readonly #send: (line: string) => void
  /** Calls that have not returned. */
  #running = 0
  #onIdle: (() => void) | null = null
  #isClosed = false

  constructor(
    api: object | undefined,
    claim: Claim | undefined,
    report: (error: unknown) => void,
    send: (line: string) => void,
  ) {
    this.#api = api
    this.#claim = claim
    this.#report = report
    this.#send = send
  }

  /** The paths of the members. */
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

  /** Claims no further requests. */
  close(): void {
    this.#isClosed = true
  }

  /**
   * Performs a request and sends its answer. A request without an address is claimed first, if other windows
   * receive it too; a window without an API leaves it to the others.
   */
  answer(request: Request, id: string, isAddressed: boolean, answer: Answer): void {
    const claim = this.#claim
    if (isAddressed || !claim) return this.#perform(request, answer)
    if (!this.#api) return
    this.#isOurs(claim, request, id).then((isOurs) => {
      if (isOurs) this.#perform(request, answer)
    }, this.#report)
  }

  /** Another window may offer a member that this one does not have. */
  async #isOurs(claim: Claim, { path }: Request, id: string): Promise<boolean> {
    const offers = () => this.#api !== undefined && hasMember(this.#api, path)
    if (!offers()) await delay(UNKNOWN_METHOD_MS)
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      if (this.#isClosed) return false
      const claimed = await claim(id, offers())
      if (claimed !== 'wait') return claimed === 'granted'
      await delay(pause)
    }
  }

  #perform(request: Request, answer: Answer): void {
    let result: unknown
    try {
      result = perform(this.#api ?? {}, request)
    } catch (error) {
      return this.#fail(answer, error)
    }
    if (isThenable(result)) void this.#settle(answer, result)
    else this.#succeed(answer, result)
  }

  async #settle(answer: Answer, result: PromiseLike<unknown>): Promise<void> {
    this.#running++
    let value: unknown
    try {
      value = await result
    } catch (error) {
      return this.#fail(answer, error)
    } finally {
      // The answer is sent in this turn.
      if (--this.#running === 0) queueMicrotask(() => this.#running === 0 && this.#onIdle?.())
    }
    this.#succeed(answer, value)
  }

  #succeed(answer: Answer, value: unknown): void {
    let line: string | null
    try {
      line = answer.succeeded(value)
    } catch (error) {
      return this.#fail(answer, error)
    }
    if (line !== null) this.#send(line)
  }

  #fail(answer: Answer, error: unknown): void {
    let line: string
    try {
      line = answer.failed(error)
    } catch {
      // Its fields throw when they are read.
      line = answer.failed(new Error('the call has failed with an error that cannot be sent'))
    }
    this.#send(line)
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Promise<unknown>).then === 'function'
  )
}
