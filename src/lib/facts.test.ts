import type { ProcessConfig, ProcessInfo } from 'tauri-plugin-js-api'
import { expect, test } from 'vitest'
import { facts } from './facts'

const config: ProcessConfig = {
  runtime: 'embedded',
  script: 'worker',
  command: null,
  sidecar: null,
  args: [],
  runtimeArgs: [],
  cwd: null,
  env: [],
  permissions: null,
  limits: null,
  restart: null,
  detached: null,
  fallback: [],
  framing: 'lines',
}
const info = { runtime: 'embedded', startMs: null, restarts: 0, generation: 1 } as ProcessInfo

const names = (limits: ProcessConfig['limits']) =>
  Object.fromEntries(facts({ ...config, limits }, info))

test('limits that are left to the defaults are left out', () => {
  expect(names(null)).toEqual({ Script: 'worker', Runtime: 'Embedded', Starts: '1' })
  expect(names({ killUnresponsive: false })).toEqual(names(null))
})

test('every limit that bounds what a script takes is told', () => {
  const limits = {
    heapMb: 64,
    arrayBufferMb: 32,
    memoryMb: 300,
    lineMb: 1,
    openFiles: 99,
    killGraceMs: 0,
    startTimeoutMs: 9000,
    unresponsiveMs: 2000,
    killUnresponsive: true,
  }
  expect(names(limits)).toMatchObject({
    'Heap limit': '64 MB',
    'Buffer limit': '32 MB',
    'Memory limit': '300 MB',
    'Longest line': '1 MB',
    'Open files': '99 at most',
    'Grace at kill': '0 ms',
    'Time to start': '9000 ms',
    'Turn of its loop': '2000 ms',
    'When it is stuck': 'it is ended',
  })
})

test('programs with a session of their own are mentioned where they end with the process', () => {
  const found = (detached: ProcessConfig['detached']) =>
    Object.fromEntries(facts({ ...config, detached }, info))
  expect(found('end')).toMatchObject({ 'Detached programs': 'end with it' })
  expect(found('keep')).toEqual(names(null))
})

test('a loop that may stand still has any time', () => {
  expect(names({ unresponsiveMs: 0 })['Turn of its loop']).toBe('any time')
})

test('limits that only the engine keeps to are marked where something else runs', () => {
  const child = { ...info, runtime: 'deno' } as ProcessInfo
  const limits = { heapMb: 64, lineMb: 1 }
  const found = Object.fromEntries(facts({ ...config, runtime: 'auto', limits }, child))
  expect(found).toMatchObject({
    Runtime: 'Deno (asked for Auto)',
    'Heap limit': '64 MB (embedded only)',
    'Longest line': '1 MB',
  })
})
