import { expect, test } from 'vitest'
import { argsProblem, parseArgs, pretty } from './json'

test('arguments are an array, with or without its brackets', () => {
  expect(parseArgs('[1, 2]')).toEqual([1, 2])
  expect(parseArgs('"hello"')).toEqual(['hello'])
  expect(parseArgs('  ')).toEqual([])
})

test('invalid JSON is explained', () => {
  expect(argsProblem('[1, ')).toMatch(/JSON|Unexpected|end/)
  expect(argsProblem('[1]')).toBeNull()
})

test('values without a JSON form are shown', () => {
  expect(pretty(undefined)).toBe('undefined')
  expect(pretty(new Uint8Array([0, 255]))).toBe('Uint8Array(2) 00 ff')
  expect(pretty({ big: 7n, map: new Map([['a', 1]]) })).toBe(
    '{\n  "big": "7n",\n  "map": {\n    "a": 1\n  }\n}',
  )
})

test('long values are truncated', () => {
  expect(pretty('x'.repeat(30_000))).toMatch(/more characters$/)
})
