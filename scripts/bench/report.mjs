/** What the figures say: ours against the best child, and our children against bare pipes. */

const runtimes = ['bun', 'deno', 'node']

/** How many times better one is than the other: of a rate more is better, of all else less. */
const better = (one, other) => (one.unit === '1/s' ? one.p50 / other.p50 : other.p50 / one.p50)

/**
 * One row a figure: ours, the best of the children behind our own API, how many times better ours is,
 * and the worst of what our API adds to bare pipes. What only one of them has, has no ratio.
 */
export function compare(figures) {
  const names = [...new Set(figures.map(({ figure }) => figure))]
  return names.map((name) => {
    const of = (subject) => figures.find((row) => row.figure === name && row.subject === subject)
    const ours = of('embedded')
    const children = runtimes.map(of).filter(Boolean)
    const [best] = children.toSorted((one, other) => better(other, one) - 1)
    const overheads = children.flatMap((row) => {
      const pipes = of(`${row.subject}, pipes`)
      return pipes ? [better(pipes, row)] : []
    })
    return {
      figure: name,
      unit: ours.unit,
      ours,
      best,
      times: best && better(ours, best),
      overhead: overheads.length > 0 ? Math.max(...overheads) : undefined,
    }
  })
}

const number = (value) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1))
/** Nothing where there is nothing to compare, or both are none. */
const times = (value) => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 2 : 1)}x` : '')

/** The rows as text, medians with the 99th percentile behind. */
export function table(rows) {
  const head = ['', 'unit', 'embedded', 'p99', 'best child', 'p99', '', 'better', 'our cost']
  const lines = rows.map(({ figure, unit, ours, best, times: factor, overhead }) => [
    figure,
    unit,
    number(ours.p50),
    number(ours.p99),
    best ? number(best.p50) : '',
    best ? number(best.p99) : '',
    best?.subject ?? '',
    times(factor),
    times(overhead),
  ])
  const all = [head, ...lines]
  const widths = head.map((_, column) => Math.max(...all.map((line) => line[column].length)))
  const isText = (column) => [0, 1, 6].includes(column)
  const pad = (cell, column) =>
    isText(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
  return all.map((line) => line.map(pad).join('  ').trimEnd()).join('\n')
}
