import { expect, test } from 'vitest'
import { Ring } from './ring'

test('the newest items stay, in order', () => {
  const ring = new Ring<number>(3)
  expect(ring.last()).toBeUndefined()
  for (let i = 1; i <= 5; i++) ring.push(i)
  expect(ring.toArray()).toEqual([3, 4, 5])
  expect(ring.last()).toBe(5)
  expect(ring.length).toBe(3)
  expect(ring.evicted).toBe(2)
})

test('last returns the newest item before and after the first eviction', () => {
  const ring = new Ring<number>(2)
  for (let i = 1; i <= 5; i++) {
    ring.push(i)
    expect(ring.last()).toBe(i)
  }
})

test('clear resets items and counter', () => {
  const ring = new Ring<number>(2)
  for (let i = 0; i < 3; i++) ring.push(i)
  ring.clear()
  ring.push(9)
  expect(ring.toArray()).toEqual([9])
  expect(ring.evicted).toBe(0)
})
