// Virtual scrolling: computes the visible lines of a long list. The console has a monospaced font, so
// the height of a line follows from its length, without measuring the DOM.

/** `offsets[i]` is the top of line `i` in pixels; the last entry is the total height. */
export function offsetsOf(rowCounts: readonly number[], rowHeight: number): Float64Array {
  const offsets = new Float64Array(rowCounts.length + 1)
  for (let i = 0; i < rowCounts.length; i++) {
    offsets[i + 1] = offsets[i]! + rowCounts[i]! * rowHeight
  }
  return offsets
}

/** The rows that `length` characters fill. `columns` is 0 if lines do not wrap. */
export function wrappedRows(length: number, columns: number): number {
  return columns > 0 ? Math.max(1, Math.ceil(length / columns)) : 1
}

/** The index of the line at `y` pixels. */
export function lineAt(offsets: Float64Array, y: number): number {
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
  /** The first line to render. */
  start: number
  /** The line after the last line to render. */
  end: number
  /** The heights of the lines above and below, in pixels. */
  before: number
  after: number
}

/** The lines in a viewport, plus `overscan` lines above and below. */
export function visibleSlice(
  offsets: Float64Array,
  top: number,
  height: number,
  overscan: number,
): Slice {
  const count = offsets.length - 1
  if (count === 0) return { start: 0, end: 0, before: 0, after: 0 }
  const start = Math.max(lineAt(offsets, top) - overscan, 0)
  const end = Math.min(lineAt(offsets, top + height) + 1 + overscan, count)
  return { start, end, before: offsets[start]!, after: offsets[count]! - offsets[end]! }
}
