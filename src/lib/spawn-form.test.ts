import { expect, test } from 'vitest'
import { blankForm, configOf, runtimeChoices } from './spawn-form'

const form = (change: Partial<ReturnType<typeof blankForm>>) => ({ ...blankForm(), ...change })

test('a script has a runtime, arguments and limits', () => {
  expect(configOf(form({ value: ' a.ts ', args: ' one  two ', heapMb: 64 }), true)).toEqual({
    script: 'a.ts',
    runtime: 'auto',
    args: ['one', 'two'],
    limits: { heapMb: 64 },
  })
})

test('a heap limit applies to the embedded engine only', () => {
  const config = configOf(form({ value: 'a.ts', runtime: 'bun', heapMb: 64 }), true)
  expect(config).toEqual({ script: 'a.ts', runtime: 'bun' })
  const auto = configOf(form({ value: 'a.ts', heapMb: 64 }), false)
  expect(auto).toEqual({ script: 'a.ts', runtime: 'auto' })
})

test('a program has no runtime', () => {
  expect(configOf(form({ kind: 'command', value: 'python3' }), true)).toEqual({
    command: 'python3',
  })
  expect(configOf(form({ kind: 'sidecar', value: 'tool' }), true)).toEqual({ sidecar: 'tool' })
})

test('the engine can be chosen only if the build has it', () => {
  const disabled = (hasEngine: boolean) => runtimeChoices(hasEngine).filter((one) => one.disabled)
  expect(disabled(true)).toEqual([])
  expect(disabled(false).map(({ label }) => label)).toEqual(['Embedded (not in this build)'])
  expect(runtimeChoices(false)[0]).toMatchObject({ runtime: 'auto', disabled: false })
})
