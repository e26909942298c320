import { expect, test, vi } from 'vitest'
import { clockResolution, repeat } from './bench'

test('calls are sequential and the last progress report is the total', async () => {
  let running = 0
  const onProgress = vi.fn()
  const run = await repeat(
    async () => {
      expect(++running).toBe(1)
      await Promise.resolve()
      running--
    },
    { times: 20, onProgress },
  )
  expect(run.samples).toHaveLength(20)
  expect(run.total).toBeCloseTo(run.samples.reduce((sum, sample) => sum + sample, 0))
  expect(onProgress).toHaveBeenLastCalledWith(20)
})

test('a cancelled run stops before the next call', async () => {
  let calls = 0
  const run = await repeat(async () => void calls++, { times: 50, cancelled: () => calls >= 3 })
  expect(run.samples).toHaveLength(3)
})

test('a failing call rejects the run', async () => {
  await expect(repeat(() => Promise.reject(new Error('no')), { times: 5 })).rejects.toThrow('no')
})

test('the resolution of a coarse clock is measured', () => {
  let ticks = 0
  expect(clockResolution(() => Math.floor(ticks++ / 100))).toBe(1)
})
