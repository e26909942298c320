/** A Bloom filter for ids. Its memory does not grow with their number. */

/** Bits of the table: 16 KiB. */
const BITS = 1 << 17

/** Bits that each id sets. */
const BITS_PER_ID = 3

/**
 * Finds every id that was added. The rate of false positives is 1 % after ten thousand ids and grows with
 * their number.
 */
export class BloomFilter {
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
  // Odd, and therefore coprime to the number of bits.
  const step = hash(id, 0x9e3779b9) | 1
  return Array.from({ length: BITS_PER_ID }, (_, n) => ((first + n * step) >>> 0) % BITS)
}

/** FNV-1a over UTF-16 code units with a final mix. */
function hash(text: string, seed: number): number {
  let value = seed
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  }
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  return (value ^ (value >>> 13)) >>> 0
}
