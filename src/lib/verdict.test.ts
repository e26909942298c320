import { expect, test } from 'vitest'
import { verdictOn } from './verdict'

const lane = (runtime: 'embedded' | 'deno' | 'bun', mean: number | null) => ({
  runtime,
  result: mean === null ? null : { mean },
})

test('the verdict needs the engine and a child, and names the faster one', () => {
  expect(verdictOn([lane('embedded', 1), lane('deno', null)])).toBeNull()
  expect(verdictOn([lane('deno', 1), lane('bun', 2)])).toBeNull()
  expect(verdictOn([lane('embedded', 1), lane('deno', 4), lane('bun', 3)])).toContain('3.0 to 4.0×')
  expect(verdictOn([lane('embedded', 2), lane('deno', 4), lane('bun', 1)])).toContain(
    'Bun is the fastest here; the embedded engine takes 2.0×',
  )
})

test('without the engine the children are compared', () => {
  const lanes = [lane('embedded', null), lane('deno', 3), lane('bun', 2)]
  expect(verdictOn(lanes, false)).toBe('Bun is the fastest here; Deno takes 1.5× as long.')
  expect(verdictOn(lanes.slice(0, 2), false)).toBeNull()
})
