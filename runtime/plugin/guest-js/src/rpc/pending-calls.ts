/** Calls that wait for their answers. */
import { JsRuntimeError } from '../error.ts'
import { usableTimeout } from '../pending-requests.ts'
import type { Peer } from './peers.ts'

/** How one call is made. */
export interface CallOptions {
  /** Milliseconds after which the call fails with the kind `timeout`. **Default:** never. */
  timeout?: number | undefined
  /** Ends the call when it is aborted. The call rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

interface PendingCall {
  peer: Peer
  resolve(value: unknown): void
  reject(error: unknown): void
  /** Stops the timer and the listener of the call. */
  settled(): void
}

export class PendingCalls {
  readonly #calls = new Map<string, PendingCall>()
  readonly #peerName: string

  /** @param peerName - The other side in messages of errors. */
  constructor(peerName: string) {
    this.#peerName = peerName
  }

  /** Adds a call. The promise settles with its answer, its timeout or its signal. */
  add(id: string, peer: Peer, options: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { peer, resolve, reject, settled: this.#watch(id, options) })
    })
  }

  has(id: string): boolean {
    return this.#calls.has(id)
  }

  /** Removes a call, which the caller settles. */
  take(id: string): PendingCall | undefined {
    const call = this.#calls.get(id)
    if (!call) return undefined
    this.#calls.delete(id)
    call.settled()
    return call
  }

  /** Rejects all calls to a peer; without one, all calls. */
  failAll(error: Error, of?: Peer): void {
    for (const [id, { peer }] of [...this.#calls]) {
      if (!of || peer === of) this.take(id)?.reject(error)
    }
  }

  #watch(id: string, { timeout: given, signal }: CallOptions): () => void {
    const timeout = usableTimeout(given)
    if (timeout === 0 && !signal) return noop
    const aborted = () => this.take(id)?.reject(signal!.reason)
    const expired = () => {
      const message = `${this.#peerName} did not answer within ${timeout} ms`
      this.take(id)?.reject(new JsRuntimeError('timeout', message))
    }
    const timer = timeout > 0 ? setTimeout(expired, timeout) : undefined
    signal?.addEventListener('abort', aborted)
    return () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
    }
  }
}

function noop(): void {}
