import { expect, test } from 'vitest'
import { blankForm, configOf } from './spawn-form'

const form = (change: Partial<ReturnType<typeof blankForm>>) => ({ ...blankForm(), ...change })

test('a script', () => {
  expect(configOf(form({ value: ' a.ts ', args: ' one  two ', heapMb: 64 }))).toEqual({
    script: 'a.ts',
    runtime: 'auto',
    args: ['one', 'two'],
    limits: { heapMb: 64 },
  })
})

test('a heap limit is for the embedded engine alone', () => {
  const config = configOf(form({ value: 'a.ts', runtime: 'bun', heapMb: 64 }))
  expect(config).toEqual({ script: 'a.ts', runtime: 'bun' })
})

test('a program has no runtime', () => {
  expect(configOf(form({ kind: 'command', value: 'python3' }))).toEqual({ command: 'python3' })
  expect(configOf(form({ kind: 'sidecar', value: 'tool' }))).toEqual({ sidecar: 'tool' })
})
