import { expect, test } from 'vitest'
import { bytes, bytesOf, count, millis, percent, plural, ratio, uptime } from './format'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1023, '1.0 KB'],
  [1536, '1.5 KB'],
  [92_274_688, '88 MB'],
  [1.4 * 1024 ** 3, '1.4 GB'],
])('%d bytes read %s', (value, text) => expect(bytes(value)).toBe(text))

test('memory and its limit have the same unit', () => {
  expect(bytesOf(12 * 1024 ** 2, 64 * 1024 ** 2)).toBe('12 / 64 MB')
})

test.each([
  [0.309, '0.31 ms'],
  [0.999, '1.0 ms'],
  [9.96, '10 ms'],
  [412, '412 ms'],
  [999.7, '1.0 s'],
  [61_000, '61 s'],
])('%d ms read %s', (value, text) => expect(millis(value)).toBe(text))

test.each([
  [-5, '00:00'],
  [131_000, '02:11'],
  [3_731_000, '1:02:11'],
  [273_600_000, '3 d 04 h'],
])('an uptime of %d ms reads %s', (value, text) => expect(uptime(value)).toBe(text))

test('small percentages are not rounded to zero', () => {
  expect(percent(0.37)).toBe('0.4 %')
  expect(percent(0)).toBe('0 %')
  expect(percent(101.6)).toBe('102 %')
})

test('ratios are relative to the best value', () => {
  expect(ratio(0.3, 0.3)).toBe('1×')
  expect(ratio(1.9, 0.3)).toBe('6.3×')
  expect(ratio(10, 0.3)).toBe('33×')
  expect(ratio(10, 0)).toBe('1×')
})

test('nouns agree with their count', () => {
  expect(plural(1, 'line')).toBe('1 line')
  expect(plural(4120, 'line')).toBe('4,120 lines')
  expect(count(1000)).toBe('1,000')
})
