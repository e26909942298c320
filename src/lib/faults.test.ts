import { expect, test } from 'vitest'
import { containment, expected, FAULTS } from './faults'

const fault = (id: string) => FAULTS.find((one) => one.id === id)!

test('child processes have their own expectations', () => {
  expect(expected(fault('loop'), 'embedded')).toContain('not responding after 5 s')
  for (const runtime of ['deno', 'bun', 'node', null] as const) {
    expect(expected(fault('loop'), runtime)).toContain('no answer')
    expect(expected(fault('allocate'), runtime)).toContain('by a flag')
    expect(expected(fault('abort'), runtime)).toBe(fault('abort').expect)
  }
})

test('a build without the engine says that embedded backends are missing', () => {
  expect(containment('embedded', true)).toContain('inside the app')
  expect(containment('deno', true)).not.toContain('Embedded')
  expect(containment('deno', false)).toContain('not in this build')
})
