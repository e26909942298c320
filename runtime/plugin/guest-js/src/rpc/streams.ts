/**
 * Async iterables across a connection.
 *
 * The consumer asks for a number of items (`pull`), the producer sends up to so many, several in one frame.
 * So a slow consumer slows the producer down, and what waits is bounded. `break` in a `for await` ends the
 * producer's iterator.
 */

import { JsRuntimeError } from '../error.ts'

/** Items that the consumer asks for first, and the most that are on their way or wait. */
const FIRST_WINDOW = 8
const MAX_WINDOW = 512

/** Characters that may be on their way or wait: the window shrinks when items are large. */
const WINDOW_CHARS = 1024 * 1024

/** The most items in one frame, and the characters after which it is sent. */
const MAX_BATCH = 64
const MAX_BATCH_CHARS = 256 * 1024

/** The most items that a consumer may ask for in advance. */
const MAX_CREDIT = 65_536

/** Runs a function after pending microtasks: items that are ready by then share a frame. */
const soon: (callback: () => void) => void = (() => {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown }
  if (setImmediate) return setImmediate
  if (typeof MessageChannel !== 'function') return (callback) => setTimeout(callback)
  const waiting: (() => void)[] = []
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener('message', () => waiting.shift()?.())
  port1.start()
  return (callback) => {
    waiting.push(callback)
    port2.postMessage(null)
  }
})()

/** An item as JSON. */
export interface EncodedItem {
  json: string
  hasPlaceholders: boolean
  /** Takes back what the item hands over. */
  takeBack?: (() => void) | undefined
}

/** The end of a stream: with an error, if it has failed. */
export interface StreamEnd {
  error?: unknown
}

/** The connection to the consumer. */
export interface Downstream {
  /** @throws `TypeError` for an item that cannot be sent. */
  encode(item: unknown): EncodedItem
  send(items: EncodedItem[], end: StreamEnd | null): void
}

/** The sending half of a stream. */
export class Producer {
  readonly #source: AsyncIterable<unknown>
  readonly #downstream: Downstream
  #iterator: AsyncIterator<unknown> | null = null
  #credit = 0
  #isRunning = false
  #isOver = false
  #batch: EncodedItem[] = []
  #batchChars = 0
  #isScheduled = false

  constructor(source: AsyncIterable<unknown>, downstream: Downstream) {
    this.#source = source
    this.#downstream = downstream
  }

  /** The consumer takes so many more items. */
  pull(count: number): void {
    this.#credit = Math.min(this.#credit + count, MAX_CREDIT)
    if (!this.#isRunning && !this.#isOver) void this.#run()
  }

  /** The consumer needs no more items. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const { takeBack } of this.#batch.splice(0)) takeBack?.()
    this.#return()
  }

  /** Ends the iterator. Its own errors have no receiver any more. */
  #return(): void {
    const iterator = this.#iterator
    void (async () => iterator?.return?.())().catch(() => {})
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    try {
      const iterator = (this.#iterator ??= this.#source[Symbol.asyncIterator]())
      while (this.#credit > 0 && !this.#isOver) {
        this.#credit--
        const { done, value } = await iterator.next()
        if (this.#isOver) return
        if (done) return this.#finish({})
        if (!this.#add(value)) return
      }
    } catch (error) {
      if (!this.#isOver) this.#finish({ error })
    } finally {
      this.#isRunning = false
    }
  }

  /** Adds an item to the frame. An item that cannot be sent ends the stream. */
  #add(value: unknown): boolean {
    let item: EncodedItem
    try {
      item = this.#downstream.encode(value)
    } catch (error) {
      this.#finish({ error })
      this.#return()
      return false
    }
    this.#batch.push(item)
    this.#batchChars += item.json.length
    if (this.#batch.length >= MAX_BATCH || this.#batchChars >= MAX_BATCH_CHARS) this.#flush(null)
    else this.#schedule()
    return true
  }

  #finish(end: StreamEnd): void {
    this.#isOver = true
    this.#flush(end)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    soon(() => {
      this.#isScheduled = false
      if (this.#batch.length > 0) this.#flush(null)
    })
  }

  #flush(end: StreamEnd | null): void {
    const batch = this.#batch
    this.#batch = []
    this.#batchChars = 0
    this.#downstream.send(batch, end)
  }
}

/** The connection to the producer. */
export interface Upstream {
  /** Asks for so many more items. */
  pull(count: number): void
  /** Ends the producer. */
  end(): void
  /** A read waits for an item. */
  waits(consumer: Consumer): void
}

interface Waiter {
  resolve(result: IteratorResult<unknown, undefined>): void
  reject(error: unknown): void
}

/** The receiving half of a stream. It can be iterated once. */
export class Consumer implements AsyncIterableIterator<unknown, undefined> {
  readonly #upstream: Upstream
  #items: unknown[] = []
  /** The first item of `#items` that was not taken. */
  #first = 0
  #waiters: Waiter[] = []
  #end: StreamEnd | null = null
  /** Items that were asked for and have not arrived. */
  #asked = 0
  #window = FIRST_WINDOW

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  /** Whether a read waits. */
  get isWaiting(): boolean {
    return this.#waiters.length > 0
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /**
   * Items have arrived in a frame of so many characters.
   *
   * @throws {@link JsRuntimeError} of the kind `overflow` for items that were not asked for.
   */
  receive(items: unknown[], chars: number, end: StreamEnd | null): void {
    if (this.#end) return
    if (items.length > this.#asked) {
      throw new JsRuntimeError('overflow', 'the other side sent more items than it was asked for')
    }
    this.#asked -= items.length
    if (items.length > 0) {
      const most = Math.floor((WINDOW_CHARS * items.length) / chars)
      this.#window = Math.max(1, Math.min(this.#window * 2, most, MAX_WINDOW))
    }
    for (const item of items) {
      const waiter = this.#waiters.shift()
      if (waiter) waiter.resolve({ done: false, value: item })
      else this.#items.push(item)
    }
    if (end) this.fail(end)
    else if (this.#waiters.length > 0) this.#ask()
  }

  /** The stream has ended: with an error, if there is one. */
  fail(end: StreamEnd): void {
    if (this.#end) return
    this.#end = end
    for (const waiter of this.#waiters.splice(0)) this.#settle(waiter)
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#first < this.#items.length) {
      const value = this.#items[this.#first]
      this.#items[this.#first++] = undefined
      if (this.#first > MAX_WINDOW || this.#first === this.#items.length) {
        this.#items.splice(0, this.#first)
        this.#first = 0
      }
      this.#ask()
      return Promise.resolve({ done: false, value })
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject }
      if (this.#end) return this.#settle(waiter)
      this.#waiters.push(waiter)
      this.#upstream.waits(this)
      this.#ask()
    })
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    if (!this.#end) {
      this.#upstream.end()
      this.fail({})
    }
    this.#items = []
    this.#first = 0
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Asks again when half of the window is free. */
  #ask(): void {
    if (this.#end) return
    const waiting = this.#items.length - this.#first
    const free = this.#window - this.#asked - waiting
    if (free < Math.max(1, this.#window >> 1)) return
    this.#asked += free
    this.#upstream.pull(free)
  }

  /** The error of a stream is thrown once; later reads find the end. */
  #settle({ resolve, reject }: Waiter): void {
    const end = this.#end
    if (end && 'error' in end) {
      this.#end = {}
      reject(end.error)
    } else {
      resolve({ done: true, value: undefined })
    }
  }
}
