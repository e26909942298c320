import { expect, test } from 'vitest'
import { parseBatch, textOf } from '../src/batch.ts'
import type { ProcessEvent } from '../src/index.ts'

const head = (first: number, gen = 1) => JSON.stringify({ first, gen })
const exit = { reason: { kind: 'error', message: 'x: y', stack: null }, code: 1 }

test('each kind of record becomes a numbered event', () => {
  const text = [
    head(7, 3),
    'o{"id":1}',
    'e a log line',
    'O' + btoa('a\nb'),
    'E' + btoa('\xff'),
    's{"state":"stopping"}',
    't{"stream":"stderr","limit":8}',
    `x${JSON.stringify(exit)}`,
  ].join('\n')
  expect(parseBatch(text)).toEqual({
    events: [
      { seq: 7, generation: 3, kind: 'stdout', data: '{"id":1}' },
      { seq: 8, generation: 3, kind: 'stderr', data: ' a log line' },
      { seq: 9, generation: 3, kind: 'stdout', data: new Uint8Array([97, 10, 98]) },
      { seq: 10, generation: 3, kind: 'stderr', data: new Uint8Array([255]) },
      { seq: 11, generation: 3, kind: 'state', state: { state: 'stopping' } },
      { seq: 12, generation: 3, kind: 'lineTooLong', stream: 'stderr', limit: 8 },
      { seq: 13, generation: 3, kind: 'exit', ...exit },
    ],
    last: 13,
    removed: false,
  })
})

test('a part of a line is marked as partial', () => {
  expect(parseBatch(`${head(0)}\npoName? \npe1%\r`).events).toEqual([
    { seq: 0, generation: 1, kind: 'stdout', data: 'Name? ', partial: true },
    { seq: 1, generation: 1, kind: 'stderr', data: '1%\r', partial: true },
  ])
})

test('a dropped event has no sequence number', () => {
  const { events, last } = parseBatch(`${head(5)}\noa\nd{"events":2,"bytes":9}\nob`)
  expect(events.map(({ seq }) => seq)).toEqual([5, null, 6])
  expect(events[1]).toEqual({ seq: null, generation: 1, kind: 'dropped', events: 2, bytes: 9 })
  expect(last).toBe(6)
})

test('a batch without numbered events has no last number', () => {
  expect(parseBatch(`${head(5)}\nd{"events":2,"bytes":9}`).last).toBeNull()
  expect(parseBatch('{"first":0,"gen":0}\nr')).toEqual({ events: [], last: null, removed: true })
})

test('a record of a later version becomes a numbered unknown event', () => {
  const { events, last } = parseBatch(`${head(1)}\nz{"new":true}\n\noa`)
  expect(events.map(({ kind }) => kind)).toEqual(['unknown', 'unknown', 'stdout'])
  expect(last).toBe(3)
})

test('an empty line of output is preserved', () => {
  expect(parseBatch(`${head(0)}\no\ne`).events).toMatchObject([
    { kind: 'stdout', data: '' },
    { kind: 'stderr', data: '' },
  ])
})

test('a key named __proto__ does not change the prototype', () => {
  const { events } = parseBatch(`${head(0)}\ns{"state":"running","__proto__":{"polluted":1}}`)
  const [event] = events as [ProcessEvent & { kind: 'state' }]
  expect((event.state as { polluted?: number }).polluted).toBeUndefined()
  expect(Object.getPrototypeOf(event.state)).toBe(Object.prototype)
})

test('a batch without a header is refused', () => {
  expect(() => parseBatch('oline')).toThrow(SyntaxError)
})

test('a message may be a string, bytes, or a list of numbers', () => {
  const bytes = new TextEncoder().encode('\ufeffgrüße 🦕')
  for (const message of ['\ufeffgrüße 🦕', bytes.buffer as ArrayBuffer, bytes, [...bytes]]) {
    expect(textOf(message)).toBe('\ufeffgrüße 🦕')
  }
})

test('random lines in random batches are preserved', () => {
  const random = seeded(42)
  for (let round = 0; round < 200; round++) {
    const lines = Array.from({ length: Math.floor(random() * 40) }, () => randomLine(random))
    const received: string[] = []
    let next = 0
    while (next < lines.length) {
      const count = 1 + Math.floor(random() * 7)
      const records = lines.slice(next, next + count).map((line) => `o${line}`)
      const text = [head(next), ...records].join('\n')
      const bytes = new TextEncoder().encode(text)
      const batch = parseBatch(textOf(random() < 0.5 ? text : (bytes.buffer as ArrayBuffer)))
      for (const event of batch.events) {
        expect(event.seq).toBe(received.length)
        if (event.kind === 'stdout') received.push(event.data as string)
      }
      next += count
    }
    expect(received).toEqual(lines)
  }
})

test('a line of 1 MiB is preserved', () => {
  const line = 'ä🦕\r\t\u2028"\\'.repeat((1024 * 1024) / 8)
  const bytes = new TextEncoder().encode(`${head(0)}\no${line}`)
  expect(parseBatch(textOf(bytes)).events).toEqual([
    { seq: 0, generation: 1, kind: 'stdout', data: line },
  ])
})

const alphabet = [
  'a',
  'ß',
  '漢',
  '🦕',
  '\r',
  '\u2028',
  '\0',
  '"',
  '\\',
  '{',
  '}',
  ' ',
  'o',
  'r',
  'd',
]

function randomLine(random: () => number): string {
  const length = Math.floor(random() ** 4 * 400)
  return Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')
}

/** Deterministic random numbers (mulberry32). */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
