/** The other sides of a connection: a backend has one peer per window, a window has the backend. */
import { Encoding } from './values.ts'
import type { Form } from './kkrpc.ts'

/** The most peers that have greeted: windows of an app. The one that greeted first is forgotten. */
const MAX_PEERS = 256

/** One peer. */
export class Peer {
  /** The id of its endpoint; `null` for the peer that is reached without an address. */
  readonly id: string | null
  /** The names that it offers; `null` if they are not known. */
  offers: ReadonlySet<string> | null
  /** Nothing is sent to it any more. */
  isGone = false
  #form: Form | 'own' | null
  /** Calls that wait for the form, in order. */
  #waiting: (() => void)[] = []

  constructor(id: string | null, form: Form | 'own' | null, offers: ReadonlySet<string> | null) {
    this.id = id
    this.offers = offers
    this.#form = form
  }

  /** How it writes frames: `own` for an endpoint of this package, `null` until it has answered. */
  get form(): Form | 'own' | null {
    return this.#form
  }

  /** It writes in this form: calls that wait are sent. */
  settle(form: Form | 'own'): void {
    this.#form ??= form
    for (const send of this.#waiting.splice(0)) send()
  }

  /** Calls `send` when the form is known. */
  whenKnown(send: () => void): void {
    this.#waiting.push(send)
  }

  /** Whether a call with these values waits for the form. Calls keep their order. */
  mustWait(args: unknown[], value: unknown): boolean {
    if (this.#form !== null) return false
    if (this.#waiting.length > 0) return true
    const encoding = new Encoding({
      fromFunction: placeholder,
      fromStream: placeholder,
      fromSignal: placeholder,
    })
    const others = args.filter((arg) => typeof arg !== 'function')
    encoding.encode(others)
    encoding.encode(value)
    return encoding.hasPlaceholders || encoding.isRich
  }
}

const placeholder = () => ({ $: 'function', id: '' }) as const

export class Peers {
  /** The peer without an address. */
  readonly main = new Peer(null, null, null)
  /** Peers that have greeted, the latest last. */
  readonly #greeted = new Map<string, Peer>()

  add(id: string, offers: string[]): void {
    const peer = this.#greeted.get(id) ?? new Peer(id, 'own', null)
    peer.offers = new Set(offers)
    // The latest is the last.
    this.#greeted.delete(id)
    this.#greeted.set(id, peer)
    if (this.#greeted.size > MAX_PEERS) this.remove(this.#greeted.keys().next().value!)
  }

  remove(id: string): Peer | undefined {
    const peer = this.#greeted.get(id)
    if (peer) peer.isGone = true
    this.#greeted.delete(id)
    return peer
  }

  /** The peer that has sent this request. */
  sender(requestId: string): Peer {
    if (this.#greeted.size === 0) return this.main
    return this.#greeted.get(requestId.slice(0, requestId.lastIndexOf('.'))) ?? this.main
  }

  /** The peer for a call: the one that greeted last among those that offer the function. */
  choose(path: readonly string[]): Peer {
    if (this.#greeted.size === 0) return this.main
    const name = path.join('.')
    let chosen = this.main
    for (const peer of this.#greeted.values()) if (peer.offers?.has(name)) chosen = peer
    return chosen
  }
}
