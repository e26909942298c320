/** The comparisons that a run is for: two figures of one run, or a figure and a limit, with an aim where there is one. */
import { bestOf, ratio } from './rows.mjs'

const children = ['bun', 'deno', 'node']
const pipes = children.map((runtime) => `${runtime}, pipes`)

/** Units of the figures: memory is in KiB, sizes are in bytes. */
const megabytes = 1e6 / 1024
const mebibytes = 2 ** 20

/** The same figure of the embedded engine and of the best child. */
const embedded = (figure, more) => ({
  name: figure,
  ours: [figure, 'embedded'],
  theirs: [figure, children],
  ...more,
})

/**
 * - `ours`: the figure and the subject.
 * - `theirs`: the figure and the subjects it is compared with; the best of them counts.
 * - `label`: the text in the picture.
 * - `atLeast`: how many times better the figure should be.
 * - `atMost`: how many times worse it may be. Without `theirs`, the limit in its unit.
 */
const list = [
  embedded('start, warm', { atLeast: 10, label: 'start to first line' }),
  embedded('start, warm, to the first call', { label: 'start to first call' }),
  embedded('start', { label: 'start, nothing prepared' }),
  { ...embedded('start, first of an app'), theirs: ['start, first of an app', ['bun']], atMost: 1 },
  { ...embedded('start, 8 at once'), theirs: ['start, 8 at once', ['bun']], atMost: 0.5 },
  {
    ...embedded('start, 8 at once, first of an app'),
    theirs: ['start, 8 at once, first of an app', ['bun']],
    atMost: 0.5,
  },
  {
    name: 'calls, embedded',
    ours: ['calls, serve', 'embedded'],
    theirs: ['calls, kkrpc', children],
    atLeast: 4,
    label: 'calls a second',
  },
  ...children.map((runtime) => ({
    name: `calls, ${runtime}`,
    ours: ['calls, serve', runtime],
    theirs: ['calls, kkrpc', [runtime]],
    atLeast: 3,
  })),
  {
    name: 'calls from Rust',
    ours: ['calls from Rust', 'embedded'],
    theirs: ['calls, kkrpc', ['embedded', 'embedded, DenoIo']],
    atLeast: 3,
  },
  {
    name: 'one call from Rust',
    ours: ['call from Rust', 'embedded'],
    theirs: ['round trip, 64 B', ['embedded']],
    atMost: 2,
  },
  embedded('round trip, 64 B', { label: 'round trip' }),
  embedded('round trip, 64 B, no idle core', { label: 'round trip, no idle core' }),
  {
    name: 'lines of 64 B',
    ours: ['lines of 64 B', 'embedded'],
    theirs: ['lines of 64 B', pipes],
    atLeast: 1.5,
    label: 'short lines a second',
  },
  embedded('lines of 64 KiB', { label: '64 KiB lines a second' }),
  embedded('lines of 1 MiB', { label: '1 MiB lines a second' }),
  {
    ...embedded('memory of a further one, node: modules'),
    theirs: ['memory of a further one, node: modules', ['bun']],
    atMost: 1,
    label: 'memory of a further one',
  },
  {
    name: 'memory of a further one, node: modules, limit',
    ours: ['memory of a further one, node: modules', 'embedded'],
    atMost: 7 * megabytes,
  },
  {
    name: 'memory of a further one, limit',
    ours: ['memory of a further one', 'embedded'],
    atMost: 5 * megabytes,
  },
  { name: 'wake-ups, 8 idle', ours: ['wake-ups, 8 idle', 'embedded'], atMost: 1 },
  embedded('page: call', { atLeast: 2.5, label: 'page: call' }),
  {
    name: 'page: call, of a bare round trip of the peer',
    ours: ['page: call', 'embedded'],
    theirs: ['page: round trip', children],
  },
  {
    name: "page: call, of the web view's message",
    ours: ['page: call', 'embedded'],
    theirs: ['page: message with reply', ['embedded', ...children]],
    atMost: 3,
  },
  embedded('page: round trip', { label: 'page: bare round trip' }),
  embedded('page: echo of 1 MiB, binary', { atLeast: 3, label: 'page: 1 MiB of bytes' }),
  {
    name: 'page: echo of 1 MiB, binary, of text of the peer',
    ours: ['page: echo of 1 MiB, binary', 'embedded'],
    theirs: ['page: echo of 1 MiB', children],
    atLeast: 3,
  },
  embedded('page: echo of 1 MiB', { label: 'page: 1 MiB of text' }),
  embedded('page: stream of 100 000 items', { atLeast: 5, label: 'page: items of a stream' }),
  embedded('page: flood of 100 000 lines', { label: 'page: flood of lines' }),
  embedded('page: exec to first answer', { label: 'page: exec to first answer' }),
  {
    name: 'page: memory of the app, limit',
    ours: ['page: memory of the app', 'embedded'],
    atMost: 45 * megabytes,
  },
  { name: 'executable', ours: ['executable', 'embedded'], atMost: 95 * mebibytes },
  { name: 'deb', ours: ['deb', 'embedded'], atMost: 36 * mebibytes },
]

/**
 * The comparisons whose figures were measured. `better` is the factor by which ours is better, `shown` the ratio that
 * the aim is about. Without an aim there is no `verdict`.
 */
export function evaluate(figures) {
  return list.flatMap(({ name, label, ours: [figure, subject], theirs, atLeast, atMost }) => {
    const rows = (figure, subjects) =>
      figures.filter((row) => row.figure === figure && subjects.includes(row.subject))
    const [ours] = rows(figure, [subject])
    const other = theirs && bestOf(rows(...theirs))
    if (!ours || (theirs && !other)) return []
    const better = other && ratio(ours, other)
    const shown = other && atMost !== undefined ? ratio(other, ours) : better
    const result = { name, label, ours, theirs: other, better, shown }
    if (atLeast !== undefined) {
      Object.assign(result, { aim: `at least ${atLeast}x`, isReached: shown.times >= atLeast })
    } else if (atMost !== undefined) {
      const limit = other ? `${atMost}x` : Math.round(atMost).toLocaleString('en')
      const value = shown?.times ?? ours.p50
      Object.assign(result, { aim: `at most ${limit}`, isReached: value <= atMost })
    }
    if (result.aim) result.verdict = result.isReached ? 'reached' : 'missed'
    return [result]
  })
}
