/** What a page has measured, as rows of the table. */

/** The sample that so many of a hundred do not exceed. */
export function at(samples, percent) {
  const sorted = samples.toSorted((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)]
}

const row = (figure, subject, unit, samples) => ({
  figure,
  subject,
  unit,
  p50: at(samples, 50),
  p99: at(samples, 99),
  samples: samples.length,
})

/** One row a figure. */
export function rowsOf(subject, found) {
  return [
    row('page: exec to first answer', subject, 'µs', found.answers),
    row('page: round trip', subject, 'µs', found['round trip']),
    row('page: bare command', subject, 'µs', found['bare command']),
    row(
      'page: flood of 50 000 lines',
      subject,
      '1/s',
      found.flood.map(({ rate }) => rate),
    ),
    row(
      'page: lines lost in a flood',
      subject,
      'lines',
      found.flood.map(({ lost }) => lost),
    ),
    row('page: echo of 1 MiB', subject, '1/s', found['echo of 1 MiB']),
    row('page: executable', subject, 'bytes', [found.bytes]),
  ]
}
