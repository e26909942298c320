/** Tests of the rows, tables, comparisons and picture of `npm run bench`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evaluate } from '../bench/comparisons.mjs'
import { picture } from '../bench/picture.mjs'
import { compare, comparisonTable, pageRows, ratioText, table } from '../bench/report.mjs'
import { isEqual, percentile, ratio, rowOf } from '../bench/rows.mjs'

/** Samples whose quartiles are 10 % below and above the median. */
const row = (figure, subject, unit, p50) =>
  rowOf(figure, subject, unit, [p50 * 0.8, p50 * 0.9, p50, p50 * 1.1, p50 * 1.2])

const figures = [
  row('start', 'embedded', 'µs', 10),
  row('start', 'bun', 'µs', 40),
  row('start', 'node', 'µs', 80),
  row('start', 'node, pipes', 'µs', 40),
  row('lines of 64 B', 'embedded', '1/s', 300),
  row('lines of 64 B', 'bun', '1/s', 100),
  row('lines of 64 B', 'deno', '1/s', 50),
  row('lines of 64 B', 'deno, pipes', '1/s', 60),
  row('memory, 8 live', 'embedded', 'KiB', 1),
  row('calls, kkrpc', 'bun', '1/s', 100),
]

test('percentiles are nearest ranks', () => {
  const samples = [3, 1, 2, 10]
  const at = (percent) => percentile(samples, percent)
  assert.deepEqual([at(0), at(25), at(50), at(75), at(100)], [1, 1, 2, 3, 10])
  assert.equal(percentile([7], 50), 7)
})

test('a row has the spread of its samples', () => {
  assert.deepEqual(rowOf('start', 'bun', 'µs', [5, 1, 4, 2, 3]), {
    figure: 'start',
    subject: 'bun',
    unit: 'µs',
    min: 1,
    q1: 2,
    p50: 3,
    q3: 4,
    max: 5,
    samples: 5,
  })
})

test('the spread of a ratio is between the quartiles that are closest and farthest apart', () => {
  const [slow, fast] = [rowOf('', '', 'µs', [20, 40, 40, 60, 80]), rowOf('', '', 'µs', [10])]
  assert.deepEqual(ratio(fast, slow), { times: 4, low: 4, high: 6 })
  assert.deepEqual(ratio(slow, fast), { times: 1 / 4, low: 1 / 6, high: 1 / 4 })
  const [few, many] = [rowOf('', '', '1/s', [10]), rowOf('', '', '1/s', [20, 40, 40, 60, 80])]
  assert.deepEqual(ratio(many, few), { times: 4, low: 4, high: 6 })
})

test('a ratio whose spread includes 1 is equal', () => {
  assert.ok(isEqual({ times: 1.3, low: 0.9, high: 1.8 }))
  assert.ok(isEqual({ times: 1, low: 1, high: 1 }))
  assert.ok(!isEqual({ times: 1.3, low: 1.1, high: 1.8 }))
  assert.equal(ratioText({ times: 1.3, low: 0.9, high: 1.8 }), 'equal')
  assert.equal(ratioText({ times: 1.3, low: 1.1, high: 1.8 }), '1.30x (1.10 to 1.80)')
  assert.equal(ratioText({ times: 16, low: 16, high: 16 }), '16.0x')
  assert.equal(ratioText({ times: NaN, low: NaN, high: NaN }), '')
  assert.equal(ratioText(undefined), '')
})

test('lower times and higher rates are better', () => {
  const rows = compare(figures)
  const [start, lines, alone] = rows
  assert.equal(rows.length, 3, 'kkrpc was not measured on the engine')
  assert.deepEqual([start.best.subject, start.better.times], ['bun', 4])
  assert.equal(start.overhead.times, 2)
  assert.deepEqual([lines.best.subject, lines.better.times], ['bun', 3])
  assert.equal(lines.overhead.times, 1.2)
  assert.deepEqual([alone.best, alone.better, alone.overhead], [undefined, undefined, undefined])
})

test('the table has a line for each figure', () => {
  const lines = table(compare(figures)).split('\n')
  assert.equal(lines.length, 4)
  assert.match(
    lines[1],
    /^start .*10\.0 \(9\.0 to 11\.0\) +40\.0 \(36\.0 to 44\.0\) +bun .*4\.00x \(3\.27 to 4\.89\) +2\.00x/,
  )
  assert.match(lines[2], / equal$/)
})

test('an aim is judged by the ratio of the medians', () => {
  const results = evaluate([
    row('calls, serve', 'embedded', '1/s', 390),
    row('calls, kkrpc', 'node', '1/s', 50),
    row('calls, kkrpc', 'bun', '1/s', 100),
    row('calls, serve', 'bun', '1/s', 310),
    row('call from Rust', 'embedded', 'µs', 12),
    row('round trip, 64 B', 'embedded', 'µs', 5),
  ])
  const of = (name) => results.find((result) => result.name === name)
  const embedded = of('calls, embedded')
  assert.deepEqual([embedded.theirs.subject, embedded.shown.times], ['bun', 3.9])
  assert.deepEqual([embedded.aim, embedded.verdict], ['at least 4x', 'missed'])
  assert.equal(of('calls, bun').verdict, 'reached')
  assert.equal(of('calls, node'), undefined, 'Node was not measured with serve')
  const call = of('one call from Rust')
  assert.deepEqual([call.shown.times, call.aim, call.verdict], [2.4, 'at most 2x', 'missed'])
  assert.equal(call.better.times, 5 / 12)
})

test('a limit without a second figure is in the unit of the figure', () => {
  const [executable] = evaluate([rowOf('executable', 'embedded', 'bytes', [95 * 2 ** 20])])
  assert.deepEqual([executable.aim, executable.verdict], ['at most 99,614,720', 'reached'])
  const [larger] = evaluate([rowOf('executable', 'embedded', 'bytes', [95 * 2 ** 20 + 1])])
  assert.equal(larger.verdict, 'missed')
  assert.match(comparisonTable([larger]).split('\n')[1], /^executable +bytes +99,614,721 .*missed$/)
})

test('a comparison without an aim has no verdict', () => {
  const [trip] = evaluate([
    row('lines of 1 MiB', 'embedded', '1/s', 30),
    row('lines of 1 MiB', 'node', '1/s', 10),
  ])
  assert.deepEqual([trip.name, trip.aim, trip.verdict], ['lines of 1 MiB', undefined, undefined])
  assert.match(comparisonTable([trip]), /lines of 1 MiB: node +3\.00x \(2\.45 to 3\.67\)$/)
})

test('the picture shows comparisons with a label, and which of them are equal', () => {
  const svg = picture(
    evaluate([
      row('start', 'embedded', 'µs', 10),
      row('start', 'bun', 'µs', 40),
      row('lines of 1 MiB', 'embedded', '1/s', 11),
      row('lines of 1 MiB', 'deno', '1/s', 10),
      row('wake-ups, 8 idle', 'embedded', 'wake-ups/s', 1),
    ]),
  )
  assert.equal(svg.match(/<rect /g).length, 2)
  assert.match(svg, /4\.0x \(bun\)/)
  assert.match(svg, /equal \(deno\)/)
})

test('the measurements of a page become rows', () => {
  const run = (more) => ({
    call: [5, 6],
    'round trip': [7],
    'bare command': [1],
    flood: [
      { rate: 10, lost: 0 },
      { rate: 30, lost: 2 },
    ],
    'echo of 1 MiB': [4],
    'echo of 1 MiB, binary': [3],
    ...more,
  })
  const starts = [300, 100, 200].map((answerMicros) => ({ answerMicros, memory: 2 }))
  const of = (rows, figure) => rows.find((row) => row.figure === `page: ${figure}`)

  const runs = [run({ stream: [50] }), run({ stream: [60], 'message with reply': [0.5] })]
  const ours = pageRows('embedded', { starts, runs, bytes: 1000 })
  assert.ok(ours.every(({ subject }) => subject === 'embedded'))
  const { p50, samples } = of(ours, 'exec to first answer')
  assert.deepEqual([p50, samples], [200, 3])
  assert.deepEqual([of(ours, 'call').samples, of(ours, 'call').max], [4, 6])
  assert.equal(of(ours, 'stream of 100 000 items').max, 60)
  assert.equal(of(ours, 'flood of 100 000 lines').max, 30)
  assert.equal(of(ours, 'lines lost in a flood').max, 2)
  assert.equal(of(ours, 'message with reply').samples, 1)
  assert.equal(of(ours, 'executable').p50, 1000)

  const theirs = pageRows('bun', { starts, runs: [run()], bytes: 1000 })
  assert.equal(of(theirs, 'stream of 100 000 items').max, 30, 'a flood of events')
  assert.equal(of(theirs, 'message with reply'), undefined)
})
