import { expect, test } from 'vitest'
import { offsetsOf, rowAt, visible, wrappedRows } from './virtual'

test('offsets add up', () => {
  expect([...offsetsOf([1, 3, 1], 20)]).toEqual([0, 20, 80, 100])
  expect([...offsetsOf([], 20)]).toEqual([0])
})

test('wrapped rows', () => {
  expect(wrappedRows(0, 80)).toBe(1)
  expect(wrappedRows(80, 80)).toBe(1)
  expect(wrappedRows(81, 80)).toBe(2)
  expect(wrappedRows(500, 0)).toBe(1)
})

test('the row at a height', () => {
  const offsets = offsetsOf([1, 3, 1], 20)
  expect([0, 19, 20, 79, 80, 99, 500].map((y) => rowAt(offsets, y))).toEqual([0, 0, 1, 1, 2, 2, 2])
})

test('what is rendered and what is left empty make the whole', () => {
  const offsets = offsetsOf(new Array(1000).fill(1), 20)
  const slice = visible(offsets, 4000, 400, 5)
  expect(slice).toEqual({ start: 195, end: 226, before: 3900, after: 20_000 - 4520 })
})

test('the ends are not overrun', () => {
  const offsets = offsetsOf([1, 1, 1], 20)
  expect(visible(offsets, 0, 400, 5)).toEqual({ start: 0, end: 3, before: 0, after: 0 })
  expect(visible(offsetsOf([], 20), 0, 400, 5)).toEqual({ start: 0, end: 0, before: 0, after: 0 })
})
