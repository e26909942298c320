/** Compares figures: the embedded engine with the best child, and children with bare pipes. */

const runtimes = ['bun', 'deno', 'node']

/** The factor by which `a` is better than `b`. Higher is better for rates, lower for all other units. */
const factorOf = (a, b) => (a.unit === '1/s' ? a.p50 / b.p50 : b.p50 / a.p50)

/**
 * One row per figure: the embedded engine, the best child, the factor by which the engine is better, and the highest
 * overhead of the API over bare pipes. Factors are undefined if one side has no measurement.
 */
export function compare(figures) {
  const names = [...new Set(figures.map(({ figure }) => figure))]
  return names.map((name) => {
    const of = (subject) => figures.find((row) => row.figure === name && row.subject === subject)
    const ours = of('embedded')
    const children = runtimes.map(of).filter(Boolean)
    const [best] = children.toSorted((a, b) => factorOf(b, a) - 1)
    const overheads = children.flatMap((row) => {
      const pipes = of(`${row.subject}, pipes`)
      return pipes ? [factorOf(pipes, row)] : []
    })
    return {
      figure: name,
      unit: ours.unit,
      ours,
      best,
      times: best && factorOf(ours, best),
      overhead: overheads.length > 0 ? Math.max(...overheads) : undefined,
    }
  })
}

const number = (value) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1))
/** Empty for a missing or infinite factor. */
const times = (value) => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 2 : 1)}x` : '')

/** The rows as a text table: medians and 99th percentiles. */
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

/** The percentile of samples, by nearest rank. */
export function percentile(samples, percent) {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)]
}

const row = (figure, subject, unit, samples) => ({
  figure,
  subject,
  unit,
  p50: percentile(samples, 50),
  p99: percentile(samples, 99),
  samples: samples.length,
})

/** The measurements of a page as one row per figure. */
export function pageRows(subject, measured) {
  return [
    row('page: exec to first answer', subject, 'µs', measured.answers),
    row('page: round trip', subject, 'µs', measured['round trip']),
    row('page: bare command', subject, 'µs', measured['bare command']),
    row(
      'page: flood of 50 000 lines',
      subject,
      '1/s',
      measured.flood.map(({ rate }) => rate),
    ),
    row(
      'page: lines lost in a flood',
      subject,
      'lines',
      measured.flood.map(({ lost }) => lost),
    ),
    row('page: echo of 1 MiB', subject, '1/s', measured['echo of 1 MiB']),
    row('page: executable', subject, 'bytes', [measured.bytes]),
  ]
}
