import { expect, test } from 'vitest'
import { toAsyncIterable } from '../src/index.ts'
import { rejection } from './support/page.ts'

async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const collected: Value[] = []
  for await (const value of values) collected.push(value)
  return collected
}

const nextTask = () => new Promise((resolve) => setTimeout(resolve))

test('values arrive in order before the end', async () => {
  const values = toAsyncIterable<number>(async (emit) => {
    emit(1)
    await nextTask()
    emit(2)
    emit(3)
  })
  expect(await collect(values)).toEqual([1, 2, 3])
})

test('each iteration calls start on its first next', async () => {
  let starts = 0
  const values = toAsyncIterable<number>(async (emit) => emit(++starts))
  expect(starts).toBe(0)
  expect([await collect(values), await collect(values)]).toEqual([[1], [2]])
})

test('a rejection is thrown once, after earlier values', async () => {
  const iterator = toAsyncIterable<number>(async (emit) => {
    emit(1)
    throw new Error('broken')
  })[Symbol.asyncIterator]()
  expect(await iterator.next()).toEqual({ done: false, value: 1 })
  expect((await rejection(iterator.next())).message).toBe('broken')
  expect(await iterator.next()).toEqual({ done: true, value: undefined })
})

test('an error thrown at the start is thrown by the iteration', async () => {
  const values = toAsyncIterable<number>(() => {
    throw new Error('at once')
  })
  expect((await rejection(collect(values))).message).toBe('at once')
})

test('values after leaving the loop are discarded', async () => {
  const seen: number[] = []
  let emitLater: (value: number) => void = () => {}
  const values = toAsyncIterable<number>((emit) => {
    emitLater = emit
    emit(1)
    return new Promise(() => {})
  })
  for await (const value of values) {
    seen.push(value)
    break
  }
  emitLater(2)
  expect(seen).toEqual([1])
})

test('return resolves a pending next', async () => {
  const iterator = toAsyncIterable<number>(() => new Promise(() => {}))[Symbol.asyncIterator]()
  const waiting = iterator.next()
  expect(await iterator.return!()).toEqual({ done: true, value: undefined })
  expect(await waiting).toEqual({ done: true, value: undefined })
})

test('an iterator is done after return, started or not, failed or not', async () => {
  let starts = 0
  const iterator = toAsyncIterable<number>(async () => void starts++)[Symbol.asyncIterator]()
  await iterator.return!()
  expect(await iterator.next()).toEqual({ done: true, value: undefined })
  expect(starts).toBe(0)
  const failing = toAsyncIterable<number>(async (emit) => {
    emit(1)
    throw new Error('broken')
  })[Symbol.asyncIterator]()
  await failing.next()
  await nextTask()
  await failing.return!()
  expect(await failing.next()).toEqual({ done: true, value: undefined })
})

test('two pending calls of next get one value each', async () => {
  let emit: (value: number) => void = () => {}
  const iterator = toAsyncIterable<number>((give) => {
    emit = give
    return new Promise(() => {})
  })[Symbol.asyncIterator]()
  const waiting = [iterator.next(), iterator.next()]
  await nextTask()
  emit(1)
  emit(2)
  expect((await Promise.all(waiting)).map(({ value }) => value)).toEqual([1, 2])
})

test('too many unconsumed values end the iteration with an error', async () => {
  const values = toAsyncIterable<number>(
    async (emit) => {
      for (let value = 0; value < 100; value++) emit(value)
    },
    { limit: 10 },
  )
  expect(await rejection(collect(values))).toMatchObject({ kind: 'overflow' })
})
