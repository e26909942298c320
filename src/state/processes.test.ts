import type { ProcessInfo, State, Usage } from 'tauri-plugin-js-api'
import { expect, test } from 'vitest'
import { emptyList, reduce, totals } from './processes'

const process = (
  name: string,
  generation = 1,
  state: State = { state: 'running' },
): ProcessInfo => ({
  name,
  pid: 7,
  running: state.state === 'running',
  runtime: 'bun',
  state,
  generation,
  restarts: 0,
  startMs: 12,
  startedAt: 1000,
})
const usage = (name: string, memoryBytes: number): Usage => ({
  name,
  cpuPercent: 1,
  memoryBytes,
  memoryKind: 'rss',
  limitBytes: null,
})
const exited: State = { state: 'exited', reason: { kind: 'completed' }, code: 3 }

test('a snapshot replaces the list', () => {
  const first = reduce(emptyList, { kind: 'snapshot', processes: [process('a'), process('b')] })
  const second = reduce(first, { kind: 'snapshot', processes: [process('c')] })
  expect([...first.processes.keys()]).toEqual(['a', 'b'])
  expect([...second.processes.keys()]).toEqual(['c'])
})

test('an older generation is ignored', () => {
  const now = reduce(emptyList, { kind: 'process', process: process('a', 2) })
  expect(reduce(now, { kind: 'process', process: process('a', 1, exited) })).toBe(now)
})

test('an exited process has no usage', () => {
  let listed = reduce(emptyList, { kind: 'process', process: process('a') })
  listed = reduce(listed, { kind: 'usage', usage: [usage('a', 100)] })
  expect(totals(listed, () => false)).toEqual({ live: 1, failed: 0, memory: 100 })
  listed = reduce(listed, { kind: 'process', process: process('a', 1, exited) })
  expect(totals(listed, () => true)).toEqual({ live: 0, failed: 1, memory: 0 })
})

test('a removed process is not listed', () => {
  const listed = reduce(emptyList, { kind: 'process', process: process('a') })
  expect(reduce(listed, { kind: 'removed', name: 'a' }).processes.size).toBe(0)
  expect(reduce(listed, { kind: 'removed', name: 'b' }).processes.size).toBe(1)
})
