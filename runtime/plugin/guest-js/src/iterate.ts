/** {@link toAsyncIterable}: callbacks as async iterables. */
import { JsRuntimeError } from './error.ts'

/** Options of {@link toAsyncIterable}. */
export interface IterateOptions {
  /**
   * The maximum number of values that wait for the consumer. Beyond it, the iteration fails, because a callback
   * cannot be slowed down. **Default:** 65 536.
   */
  limit?: number
}

/**
 * Converts a function that passes values to a callback into an async iterable. Backends stream this way over
 * kkrpc 0.x.
 *
 * Each iteration calls `start` once. It ends when the promise resolves and throws when the promise rejects, in
 * both cases after all earlier values. Leaving the loop early discards further values and does not notify the
 * backend.
 *
 * @param start - Calls `emit` with each value. Resolves after the last one.
 * @throws While iterating: the rejection of `start`; {@link JsRuntimeError} of kind `overflow`.
 *
 * @example
 * ```ts
 * for await (const tick of toAsyncIterable<number>((emit) => api.count(5, emit))) console.log(tick)
 * ```
 */
export function toAsyncIterable<Value>(
  start: (emit: (value: Value) => void) => Promise<unknown>,
  { limit = 65_536 }: IterateOptions = {},
): AsyncIterable<Value> {
  return { [Symbol.asyncIterator]: () => iterate(start, limit) }
}

function iterate<Value>(
  start: (emit: (value: Value) => void) => Promise<unknown>,
  limit: number,
): AsyncIterator<Value, undefined> {
  const values: Value[] = []
  let started = false
  let isOver = false
  let failure: { error: unknown } | null = null
  /** Resolve the pending calls of `next`. */
  let waiters: (() => void)[] = []
  const wake = () => {
    for (const waiter of waiters.splice(0)) waiter()
  }
  const finish = (failed: typeof failure) => {
    if (isOver) return
    isOver = true
    failure = failed
    wake()
  }
  const emit = (value: Value) => {
    if (isOver) return
    values.push(value)
    if (values.length <= limit) return wake()
    finish({
      error: new JsRuntimeError('overflow', `more than ${limit} values wait to be consumed`),
    })
  }
  return {
    async next() {
      if (!started) {
        started = true
        Promise.resolve(start(emit)).then(
          () => finish(null),
          (error: unknown) => finish({ error }),
        )
      }
      for (;;) {
        if (values.length > 0) return { done: false, value: values.shift()! }
        if (failure) {
          const { error } = failure
          failure = null
          throw error
        }
        if (isOver) return { done: true, value: undefined }
        await new Promise<void>((resolve) => waiters.push(resolve))
      }
    },
    async return() {
      started = true
      values.length = 0
      finish(null)
      failure = null
      return { done: true, value: undefined }
    },
  }
}
