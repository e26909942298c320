import { expect, test } from 'vitest'
import { histogram, percentile, sparkline, summarise } from './stats'

test('percentiles are samples, not interpolations', () => {
  const sorted = Array.from({ length: 100 }, (_, i) => i + 1)
  expect(percentile(sorted, 0.5)).toBe(50)
  expect(percentile(sorted, 0.99)).toBe(99)
  expect(percentile(sorted, 1)).toBe(100)
  expect(percentile([7], 0.99)).toBe(7)
  expect(percentile([], 0.5)).toBeNaN()
})

test('a summary does not depend on the order of the samples', () => {
  expect(summarise([3, 1, 2])).toEqual({ count: 3, min: 1, p50: 2, p99: 3, max: 3 })
  expect(summarise([])).toBeNull()
})

test('every sample is in one bin', () => {
  const samples = [0, 0.5, 1, 1.5, 2]
  const bins = histogram(samples, 4)
  expect(bins).toHaveLength(4)
  expect(bins.reduce((sum, bin) => sum + bin.count, 0)).toBe(samples.length)
})

test('outliers are in the last bin', () => {
  const bins = histogram([...Array.from({ length: 199 }, (_, i) => i / 100), 900], 10)
  expect(bins.at(-1)!.to).toBeLessThan(3)
  expect(bins[0]!.count).toBeGreaterThan(10)
})

test('equal samples do not divide by zero', () => {
  expect(histogram([2, 2, 2], 5)[0]!.count).toBe(3)
  expect(histogram([0, 0], 5)[0]!.count).toBe(2)
  expect(histogram([], 5)).toEqual([])
})

test('a coarse clock reduces the number of bins', () => {
  expect(histogram([0, 1, 1, 2, 3], 32, 1)).toHaveLength(3)
  expect(histogram([0, 0.4], 32, 1)).toHaveLength(1)
})

test('a sparkline fills its box', () => {
  expect(sparkline([0, 2, 1], 10, 4)).toBe('0,4 5,0 10,2')
  expect(sparkline([1], 10, 4)).toBe('')
  expect(sparkline([0, 0], 10, 4)).toBe('0,4 10,4')
})
