/** Callbacks as async iterables. */
import { JsRuntimeError } from './error.ts'

/** How {@link toAsyncIterable} collects values. */
export interface IterateOptions {
  /**
   * Values that may wait for the consumer. A callback cannot be slowed down; beyond this many, the
   * iteration fails instead of filling the memory. **Default:** 65 536.
   */
  limit?: number
}

/**
 * Makes an async iterable of a function that reports values to a callback and then resolves, which is
 * how a backend streams over kkrpc 0.x.
 *
 * Every iteration calls `start` anew. It ends when the promise resolves, and throws when the promise
 * rejects, each after the values that came before. Leaving the loop early stops collecting; the backend
 * is not told.
 *
 * @param start - Begins, and calls `emit` with each value.
 * @throws While iterating: what `start` rejects with; {@link JsRuntimeError} of kind `overflow`.
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
  let over = false
  let failure: { error: unknown } | null = null
  /** Woken when there is something to look at. */
  let sleepers: (() => void)[] = []
  const wake = () => {
    for (const sleeper of sleepers.splice(0)) sleeper()
  }
  const finish = (failed: typeof failure) => {
    if (over) return
    over = true
    failure = failed
    wake()
  }
  const emit = (value: Value) => {
    if (over) return
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
        if (over) return { done: true, value: undefined }
        await new Promise<void>((resolve) => sleepers.push(resolve))
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
