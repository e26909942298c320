import type { ProcessConfig } from 'tauri-plugin-js-api'
import { expect, test } from 'vitest'
import { declaredRuntime, describe, describeExit } from './describe'

test('the label of a live state is its name', () => {
  expect(describe({ state: 'stopping' })).toEqual({
    shape: 'stopping',
    label: 'stopping',
    detail: '',
  })
})

test('an unresponsive process is neither running nor failed', () => {
  expect(describe({ state: 'unresponsive' })).toMatchObject({
    shape: 'unresponsive',
    label: 'not responding',
  })
})

test.each([
  [{ kind: 'completed' }, 0, 'ended', 'exited'],
  [{ kind: 'completed' }, 3, 'failed', 'failed'],
  [{ kind: 'killed' }, null, 'ended', 'killed'],
  [{ kind: 'killed', signal: 11 }, null, 'failed', 'killed'],
  [{ kind: 'heapLimit' }, null, 'failed', 'out of memory'],
  [{ kind: 'memoryLimit' }, null, 'failed', 'out of memory'],
  [{ kind: 'error', message: 'TypeError: x\n  at y', stack: null }, 1, 'failed', 'error'],
  [{ kind: 'crashed', message: 'V8 gave up: no memory' }, null, 'failed', 'crashed'],
  [{ kind: 'unresponsive' }, null, 'failed', 'unresponsive'],
] as const)('%o with code %s is %s: %s', (reason, code, shape, label) => {
  expect(describeExit(reason, code)).toMatchObject({ shape, label })
})

test('the detail is the first line of an error', () => {
  const reason = { kind: 'startFailed', message: 'no such file\nhint: …' } as const
  expect(describeExit(reason, null).detail).toBe('no such file')
  const crash = { kind: 'crashed', message: 'V8 gave up: x\nmore' } as const
  expect(describeExit(crash, null).detail).toBe('V8 gave up: x')
})

test('the declared runtime defaults to auto, and a program has none', () => {
  const config = (change: Partial<ProcessConfig>) =>
    ({ runtime: null, command: null, sidecar: null, ...change }) as unknown as ProcessConfig
  expect(declaredRuntime(config({}))).toBe('auto')
  expect(declaredRuntime(config({ runtime: 'bun' }))).toBe('bun')
  expect(declaredRuntime(config({ sidecar: 'tool' }))).toBeNull()
})
