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

test('limits with default values are omitted', () => {
  expect(names(null)).toEqual({ Script: 'worker', Runtime: 'Embedded', Starts: '1' })
  expect(names({ killUnresponsive: false })).toEqual(names(null))
})

test('every limit is listed', () => {
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
    'Line limit': '1 MB',
    'Open files': '99 at most',
    'Kill grace period': '0 ms',
    'Start timeout': '9000 ms',
    'Unresponsive after': '2000 ms',
    'When unresponsive': 'killed',
  })
})

test('the setting for detached programs is listed unless it is the default', () => {
  const found = (detached: ProcessConfig['detached']) =>
    Object.fromEntries(facts({ ...config, detached }, info))
  expect(found('end')).toMatchObject({ 'Detached programs': 'end with it' })
  expect(found('keep')).toEqual(names(null))
})

test('a disabled watchdog reads never', () => {
  expect(names({ unresponsiveMs: 0 })['Unresponsive after']).toBe('never')
})

test('limits of the embedded engine are marked on other runtimes', () => {
  const child = { ...info, runtime: 'deno' } as ProcessInfo
  const limits = { heapMb: 64, lineMb: 1 }
  const found = Object.fromEntries(facts({ ...config, runtime: 'auto', limits }, child))
  expect(found).toMatchObject({
    Runtime: 'Deno (requested: Auto)',
    'Heap limit': '64 MB (embedded only)',
    'Line limit': '1 MB',
  })
})
