/** Requests and answers between endpoints of this package. */
import { toWireError } from './errors.ts'
import type { Request } from './kkrpc.ts'
import type { Answer } from './local-api.ts'
import type { Peer } from './peers.ts'
import type { Fields, References } from './references.ts'

/** The fields of a request that carry its values. */
export function bodyOf(references: References, peer: Peer, { op, args, value }: Request): Fields {
  return references.encode(peer, 'a', op === 'set' ? [value] : trimmed(args))
}

/** A request with this body. */
export function ownRequest(peer: Peer, id: string, { op, path }: Request, body: Fields): string {
  const to = peer.id === null ? '' : `,"to":${JSON.stringify(peer.id)}`
  return `{"t":"q","js":1,"id":"${id}","op":"${op}","p":${JSON.stringify(path)}${to}${body.text}}`
}

export function ownFailure(id: string, error: unknown): string {
  return JSON.stringify({ t: 'r', js: 1, id, e: toWireError(error) })
}

/** The answer to a request. */
export class OwnAnswer implements Answer {
  readonly #references: References
  readonly #peer: Peer
  readonly #id: string

  constructor(references: References, peer: Peer, id: string) {
    this.#references = references
    this.#peer = peer
    this.#id = id
  }

  succeeded(value: unknown): string | null {
    if (this.#peer.isGone) return null
    const { text } = this.#references.encode(this.#peer, 'v', value)
    return `{"t":"r","js":1,"id":${JSON.stringify(this.#id)}${text}}`
  }

  failed(error: unknown): string {
    return ownFailure(this.#id, error)
  }
}

/** Arguments without `undefined` at the end, which says the same as no argument. */
function trimmed(args: unknown[]): unknown[] {
  let length = args.length
  while (length > 0 && args[length - 1] === undefined) length--
  return length === args.length ? args : args.slice(0, length)
}
