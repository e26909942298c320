import { expect, test } from 'vitest'
import { fuzzy, matcher } from './filter'

test.each([
  ['', 'anything', true],
  ['warm cache', 'warming the Cache', true],
  ['warm cold', 'warming the cache', false],
  ['Cache', 'warming the cache', false],
  ['/id":\\d+/', '{"id":7}', true],
  ['/unfinished(/', 'text /unfinished(/ here', true],
])('%j on %j: %s', (query, text, found) => expect(matcher(query)(text)).toBe(found))

test('contiguous and early matches rank first', () => {
  const together = fuzzy('kill', 'Kill worker')!
  const later = fuzzy('kill', 'Force kill worker')!
  const spread = fuzzy('kwo', 'Kill worker')!
  expect(together).toBeLessThan(later)
  expect(later).toBeLessThan(spread)
  expect(fuzzy('xyz', 'Kill worker')).toBeNull()
})
