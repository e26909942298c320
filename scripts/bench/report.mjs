/** Compares figures: the embedded engine with the best child, and children with bare pipes. Prints tables. */
import { bestOf, isEqual, ratio, rowOf } from './rows.mjs'

const runtimes = ['bun', 'deno', 'node']

/**
 * One row per figure of the embedded engine: its figure, the best child, the ratio of the two, and the highest ratio of
 * bare pipes to the API. Ratios are undefined if one side has no measurement.
 */
export function compare(figures) {
  const names = [...new Set(figures.map(({ figure }) => figure))]
  return names.flatMap((figure) => {
    const of = (subject) => figures.find((row) => row.figure === figure && row.subject === subject)
    const ours = of('embedded')
    if (!ours) return []
    const children = runtimes.map(of).filter(Boolean)
    const best = bestOf(children)
    const overheads = children.flatMap((row) => {
      const pipes = of(`${row.subject}, pipes`)
      return pipes ? [ratio(pipes, row)] : []
    })
    const overhead = overheads.toSorted((a, b) => b.times - a.times)[0]
    return [{ figure, unit: ours.unit, ours, best, better: best && ratio(ours, best), overhead }]
  })
}

const number = (value) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1))

/** A median with its quartiles; a single sample alone. */
const figureText = ({ p50, q1, q3, samples }) =>
  samples > 1 ? `${number(p50)} (${number(q1)} to ${number(q3)})` : number(p50)

const factor = (value) => value.toFixed(value < 10 ? 2 : 1)

/** "2.31x (2.10 to 2.50)", or "equal" if the spread includes 1. Empty for a missing or infinite ratio. */
export function ratioText(value) {
  if (!value || !Object.values(value).every(Number.isFinite)) return ''
  if (isEqual(value)) return 'equal'
  const { times, low, high } = value
  const spread = low === high ? '' : ` (${factor(low)} to ${factor(high)})`
  return `${factor(times)}x${spread}`
}

/** The rows as a text table: medians with quartiles. */
export function table(rows) {
  const head = ['', 'unit', 'embedded', 'best child', '', 'better', 'our cost']
  const lines = rows.map(({ figure, unit, ours, best, better, overhead }) => [
    figure,
    unit,
    figureText(ours),
    best ? figureText(best) : '',
    best?.subject ?? '',
    ratioText(better),
    ratioText(overhead),
  ])
  return aligned([head, ...lines])
}

/** The comparisons as a text table. */
export function comparisonTable(comparisons) {
  const head = ['', 'unit', 'ours', 'compared with', '', 'ratio', 'aim', '']
  const lines = comparisons.map(({ name, ours, theirs, shown, aim, verdict }) => [
    name,
    ours.unit,
    figureText(ours),
    theirs ? figureText(theirs) : '',
    theirs ? `${theirs.figure}: ${theirs.subject}` : '',
    ratioText(shown),
    aim ?? '',
    verdict ?? '',
  ])
  return aligned([head, ...lines])
}

/** Text columns that contain words are aligned to the left. */
function aligned(lines) {
  const columns = lines[0].map((_, column) => lines.map((line) => line[column]))
  const widths = columns.map((cells) => Math.max(...cells.map(({ length }) => length)))
  const isText = columns.map((cells) => cells.slice(1).every((cell) => !/^\d/.test(cell)))
  const pad = (cell, column) =>
    isText[column] ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n')
}

/** The measurements of a page as one row per figure: those of each start and each run, and the size of the app. */
export function pageRows(subject, { starts, runs, bytes }) {
  const all = (name) => runs.flatMap((run) => run[name] ?? [])
  const floods = all('flood')
  const rates = floods.map(({ rate }) => rate)
  const streams = all('stream')
  return [
    ['exec to first answer', 'µs', starts.map(({ answerMicros }) => answerMicros)],
    ['memory of the app', 'KiB', starts.map(({ memory }) => memory)],
    ['call', 'µs', all('call')],
    ['round trip', 'µs', all('round trip')],
    ['bare command', 'µs', all('bare command')],
    ['message with reply', 'µs', all('message with reply')],
    ['flood of 100 000 lines', '1/s', rates],
    ['lines lost in a flood', 'lines', floods.map(({ lost }) => lost)],
    // tauri-plugin-js has no streams: its users send events.
    ['stream of 100 000 items', '1/s', streams.length > 0 ? streams : rates],
    ['echo of 1 MiB', '1/s', all('echo of 1 MiB')],
    ['echo of 1 MiB, binary', '1/s', all('echo of 1 MiB, binary')],
    ['executable', 'bytes', [bytes]],
  ]
    .filter(([, , samples]) => samples.length > 0)
    .map(([name, unit, samples]) => rowOf(`page: ${name}`, subject, unit, samples))
}
