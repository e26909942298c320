/** The ids that a connection has given out, in memory that does not grow with their number. */

/** Bits of the table: 16 KiB. */
const BITS = 1 << 17

/** How many of them an id sets. */
const PER_ID = 3

/**
 * A Bloom filter. An id that was added is always found. One that was not may be found too: 1 in 100 after ten
 * thousand ids, more often after more.
 */
export class IdFilter {
  #table: Uint32Array | null = null

  add(id: string): void {
    const table = (this.#table ??= new Uint32Array(BITS / 32))
    for (const bit of bitsOf(id)) table[bit >>> 5]! |= 1 << (bit & 31)
  }

  has(id: string): boolean {
    const table = this.#table
    return table !== null && bitsOf(id).every((bit) => (table[bit >>> 5]! >>> (bit & 31)) & 1)
  }
}

function bitsOf(id: string): number[] {
  const first = hash(id, 0x811c9dc5)
  // Odd, so that it shares no divisor with the number of bits.
  const second = hash(id, 0x9e3779b9) | 1
  return Array.from({ length: PER_ID }, (_, n) => ((first + n * second) >>> 0) % BITS)
}

/** FNV-1a over UTF-16, mixed at the end. */
function hash(text: string, seed: number): number {
  let value = seed
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  }
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  return (value ^ (value >>> 13)) >>> 0
}
