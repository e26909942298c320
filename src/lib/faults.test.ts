import { expect, test } from 'vitest'
import { containment, expected, FAULTS } from './faults'

const fault = (id: string) => FAULTS.find((one) => one.id === id)!

test('what only the engine does is not expected of a child', () => {
  expect(expected(fault('loop'), 'embedded')).toContain('not responding after 5 s')
  for (const runtime of ['deno', 'bun', 'node', null] as const) {
    expect(expected(fault('loop'), runtime)).toContain('no answer')
    expect(expected(fault('allocate'), runtime)).toContain('by a flag')
    expect(expected(fault('abort'), runtime)).toBe(fault('abort').expect)
  }
})

test('a build without the engine explains which faults it cannot show', () => {
  expect(containment('embedded', true)).toContain('inside the app')
  expect(containment('deno', true)).not.toContain('Embedded')
  expect(containment('deno', false)).toContain('not in this build')
})
