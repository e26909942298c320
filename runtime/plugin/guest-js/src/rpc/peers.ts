/** The other sides of a connection: a backend has one peer per window, a window has the backend. */
import { Encoder, type Owner } from './encode.ts'
import type { Form, Request } from './kkrpc.ts'

/** The most peers that have greeted. A further one evicts the peer that greeted first. */
const MAX_PEERS = 256

/** The most names of one peer that are remembered. */
const MAX_OFFERS = 4096

/** One peer. */
export class Peer {
  /** The id of its endpoint; `null` for the peer that is reached without an address. */
  readonly id: string | null
  /** Nothing is sent to it any more. */
  isGone = false
  /** Called when the form is known. */
  onSettled: (() => void) | null = null
  /** The dotted paths that it offers; `null` if they are not known. */
  #offers: ReadonlySet<string> | null = null
  #form: Form | 'own' | null
  /** Calls that wait for the form, in order. */
  #waiting: (() => void)[] = []

  constructor(id: string | null, form: Form | 'own' | null) {
    this.id = id
    this.#form = form
  }

  /** How it writes frames: `own` for an endpoint of this package, `null` until it has answered. */
  get form(): Form | 'own' | null {
    return this.#form
  }

  /** It writes in this form: calls that wait are sent. */
  settle(form: Form | 'own'): void {
    if (this.#form !== null) return
    this.#form = form
    this.onSettled?.()
    for (const send of this.#waiting.splice(0)) send()
  }

  /** Whether calls wait for the form. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0
  }

  /** Calls `send` when the form is known. */
  whenKnown(send: () => void): void {
    this.#waiting.push(send)
  }

  /** Whether a call with these values waits for the form. Calls keep their order. */
  mustWait({ args, value }: Request): boolean {
    if (this.#form !== null) return false
    if (this.#waiting.length > 0) return true
    // Functions as arguments have the same form everywhere.
    const encoder = new Encoder(nothing, null)
    encoder.encode(args.filter((arg) => typeof arg !== 'function'))
    encoder.encode(value)
    return encoder.hasPlaceholders
  }

  setOffers(paths: string[]): void {
    this.#offers = new Set(paths.slice(0, MAX_OFFERS))
  }

  offers(path: string): boolean {
    return this.#offers?.has(path) ?? false
  }
}

/** An owner for values that are not sent. */
const nothing: Owner<null> = {
  fromFunction: () => ({ $: 'undefined' }),
  fromStream: () => ({ $: 'undefined' }),
  fromSignal: () => ({ $: 'undefined' }),
  takeBack: () => {},
}

export class Peers {
  /** The peer without an address. */
  readonly main = new Peer(null, null)
  /** Peers that have greeted, the latest last. */
  readonly #greeted = new Map<string, Peer>()

  /** Whether an endpoint of this package has greeted. */
  get haveGreeted(): boolean {
    return this.#greeted.size > 0
  }

  /** Adds a peer, or replaces what it offers. Returns the peer that is forgotten for it. */
  add(id: string, offers: string[]): string | null {
    const peer = this.#greeted.get(id) ?? new Peer(id, 'own')
    peer.setOffers(offers)
    // The latest is the last.
    this.#greeted.delete(id)
    this.#greeted.set(id, peer)
    return this.#greeted.size > MAX_PEERS ? this.#greeted.keys().next().value! : null
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

  /**
   * The peer for a call: among the peers that offer the member, the last to greet. If no peer has listed the member,
   * the request has no address and the peers claim it.
   */
  choose(path: readonly string[]): Peer {
    if (this.#greeted.size === 0) return this.main
    const name = path.join('.')
    let chosen = this.main
    for (const peer of this.#greeted.values()) if (peer.offers(name)) chosen = peer
    return chosen
  }
}
