// Which rows of a long list are in view. Row heights are known without asking the page: the console
// is set in a monospaced font, so a line's height follows from its length.

/** `offsets[i]` is where row `i` begins; the last entry is the height of the whole. */
export function offsetsOf(rowCounts: readonly number[], lineHeight: number): Float64Array {
  const offsets = new Float64Array(rowCounts.length + 1)
  for (let i = 0; i < rowCounts.length; i++) {
    offsets[i + 1] = offsets[i]! + rowCounts[i]! * lineHeight
  }
  return offsets
}

/** How many rows `length` characters take in `columns`; one when lines are not wrapped. */
export function wrappedRows(length: number, columns: number): number {
  return columns > 0 ? Math.max(1, Math.ceil(length / columns)) : 1
}

/** The row at height `y`. */
export function rowAt(offsets: Float64Array, y: number): number {
  let low = 0
  let high = Math.max(offsets.length - 2, 0)
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (offsets[middle]! <= y) low = middle
    else high = middle - 1
  }
  return low
}

export interface Slice {
  /** First row to render. */
  start: number
  /** Row after the last. */
  end: number
  /** Empty height above and below. */
  before: number
  after: number
}

export function visible(offsets: Float64Array, top: number, height: number, over: number): Slice {
  const rows = offsets.length - 1
  if (rows === 0) return { start: 0, end: 0, before: 0, after: 0 }
  const start = Math.max(rowAt(offsets, top) - over, 0)
  const end = Math.min(rowAt(offsets, top + height) + 1 + over, rows)
  return { start, end, before: offsets[start]!, after: offsets[rows]! - offsets[end]! }
}
