import type { ProcessConfig } from 'tauri-plugin-js-api'
import { expect, test } from 'vitest'
import { isEngineMissing, lacksEngine, needsEngine } from './engine'

const runtime = (name: string, available: boolean) => ({
  name,
  path: null,
  version: null,
  available,
})

const config = (change: Partial<ProcessConfig>) =>
  ({
    runtime: null,
    script: 'worker',
    command: null,
    sidecar: null,
    fallback: [],
    ...change,
  }) as unknown as ProcessConfig

test('a build lacks the engine only if the detected runtimes say so', () => {
  expect(lacksEngine([])).toBe(false)
  expect(lacksEngine([runtime('embedded', true), runtime('deno', false)])).toBe(false)
  expect(lacksEngine([runtime('embedded', false), runtime('deno', true)])).toBe(true)
})

test('a backend needs the engine if no other runtime may run it', () => {
  expect(needsEngine(config({ runtime: 'embedded' }))).toBe(true)
  expect(needsEngine(config({ runtime: 'embedded', fallback: ['embedded'] }))).toBe(true)
  expect(needsEngine(config({ runtime: 'embedded', fallback: ['bun'] }))).toBe(false)
  expect(needsEngine(config({ runtime: 'auto' }))).toBe(false)
  expect(needsEngine(config({}))).toBe(false)
  expect(needsEngine(config({ runtime: 'embedded', sidecar: 'tool' }))).toBe(false)
  expect(needsEngine(config({ runtime: 'embedded', command: 'python3' }))).toBe(false)
})

test('a missing engine differs from a missing runtime', () => {
  const missing = 'runtime not available: embedded (the embedded engine is not part of this build)'
  expect(isEngineMissing('runtimeUnavailable', missing)).toBe(true)
  expect(isEngineMissing('runtimeUnavailable', 'runtime not available: bun (…)')).toBe(false)
  expect(isEngineMissing(null, missing)).toBe(false)
})
