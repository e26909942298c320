import assert from 'node:assert/strict'
import { test } from 'node:test'
import { picture } from '../bench/picture.mjs'
import { compare, pageRows, percentile, table } from '../bench/report.mjs'

const row = (figure, subject, unit, p50) => ({
  figure,
  subject,
  unit,
  p50,
  p99: p50 * 2,
  samples: 1,
})

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
]

test('lower times and higher rates are better', () => {
  const [start, lines, alone] = compare(figures)
  assert.deepEqual([start.best.subject, start.times, start.overhead], ['bun', 4, 2])
  assert.deepEqual([lines.best.subject, lines.times, lines.overhead], ['bun', 3, 1.2])
  assert.deepEqual([alone.best, alone.times, alone.overhead], [undefined, undefined, undefined])
})

test('the table has a line for each figure', () => {
  const lines = table(compare(figures)).split('\n')
  assert.equal(lines.length, 4)
  assert.match(lines[1], /^start .*10\.0 .*40\.0 .*bun .*4\.00x +2\.00x$/)
})

test('the picture shows comparable figures only', () => {
  const svg = picture(compare(figures))
  assert.equal(svg.match(/<rect /g).length, 2)
  assert.match(svg, /4\.0x \(bun\)/)
})

test('percentiles are nearest ranks', () => {
  const samples = [3, 1, 2, 10]
  assert.deepEqual(
    [percentile(samples, 50), percentile(samples, 99), percentile([7], 50)],
    [2, 10, 7],
  )
})

test('the measurements of a page become rows', () => {
  const measured = {
    answers: [300, 100, 200],
    'round trip': [5],
    'bare command': [1],
    flood: [
      { rate: 10, lost: 0 },
      { rate: 30, lost: 2 },
      { rate: 20, lost: 1 },
    ],
    'echo of 1 MiB': [4],
    bytes: 1000,
  }
  const rows = pageRows('embedded', measured)
  const of = (figure) => rows.find((row) => row.figure === `page: ${figure}`)
  assert.ok(rows.every(({ subject }) => subject === 'embedded'))
  assert.deepEqual([of('exec to first answer').p50, of('exec to first answer').samples], [200, 3])
  assert.deepEqual([of('flood of 50 000 lines').p50, of('lines lost in a flood').p50], [20, 1])
  assert.equal(of('executable').p50, 1000)
})
