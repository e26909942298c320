import { expect, test } from 'vitest'
import { lineAt, offsetsOf, visibleSlice, wrappedRows } from './virtual'

test('offsets are cumulative', () => {
  expect([...offsetsOf([1, 3, 1], 20)]).toEqual([0, 20, 80, 100])
  expect([...offsetsOf([], 20)]).toEqual([0])
})

test('long lines wrap to more rows', () => {
  expect(wrappedRows(0, 80)).toBe(1)
  expect(wrappedRows(80, 80)).toBe(1)
  expect(wrappedRows(81, 80)).toBe(2)
  expect(wrappedRows(500, 0)).toBe(1)
})

test('lineAt finds the line at a height', () => {
  const offsets = offsetsOf([1, 3, 1], 20)
  expect([0, 19, 20, 79, 80, 99, 500].map((y) => lineAt(offsets, y))).toEqual([0, 0, 1, 1, 2, 2, 2])
})

test('the slice and the heights around it equal the total height', () => {
  const offsets = offsetsOf(new Array(1000).fill(1), 20)
  const slice = visibleSlice(offsets, 4000, 400, 5)
  expect(slice).toEqual({ start: 195, end: 226, before: 3900, after: 20_000 - 4520 })
})

test('the slice stays within the list', () => {
  const offsets = offsetsOf([1, 1, 1], 20)
  expect(visibleSlice(offsets, 0, 400, 5)).toEqual({ start: 0, end: 3, before: 0, after: 0 })
  expect(visibleSlice(offsetsOf([], 20), 0, 400, 5)).toEqual({
    start: 0,
    end: 0,
    before: 0,
    after: 0,
  })
})
