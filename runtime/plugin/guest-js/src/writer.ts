/**
 * Writes to the stdin of processes. A process has one request in flight at a time, and writes that arrive meanwhile
 * share the next request. This preserves their order under every IPC mode of Tauri and needs one request per round
 * trip instead of one per write.
 */
import { JsRuntimeError } from './error.ts'
import { invokeCommand, invokeRaw, retryBriefly, uniqueId } from './invoke.ts'

/** Writers in the map before idle ones are evicted. */
const MAX_WRITERS = 64

/** Approximate bytes of one request. A larger write is sent alone. */
const MAX_REQUEST_SIZE = 256 * 1024

interface Write {
  data: string | Uint8Array
  /** The generation that the write is for; `null` for the current one on arrival. */
  generation: number | null
  resolve: () => void
  reject: (error: unknown) => void
}

/** Ordered from least to most recently used. */
const writers = new Map<string, Writer>()

/** The writer of this page for a process. */
export function writerOf(name: string): Writer {
  const writer = writers.get(name) ?? new Writer(name)
  writers.delete(name)
  writers.set(name, writer)
  if (writers.size > MAX_WRITERS) evictIdle()
  return writer
}

/** Removes the writer of a process if it is idle. */
export function dropWriter(name: string): void {
  if (writers.get(name)?.isIdle) writers.delete(name)
}

/** Rejects the queued writes for generations up to `generation`, which has ended. */
export function failWrites(name: string, generation: number, error: JsRuntimeError): void {
  writers.get(name)?.fail(generation, error)
}

function evictIdle(): void {
  for (const [name, { isIdle }] of writers) {
    if (writers.size <= MAX_WRITERS) return
    if (isIdle) writers.delete(name)
  }
}

/** Writes to one process, in the order of the calls. */
export class Writer {
  readonly #name: string
  readonly #id = uniqueId()
  #seq = 0
  #queue: Write[] = []
  #isWriting = false
  /** The last generation that is known to have ended, with the reason. */
  #ended: { generation: number; error: JsRuntimeError } | null = null

  constructor(name: string) {
    this.#name = name
  }

  get isIdle(): boolean {
    return !this.#isWriting
  }

  /**
   * Resolves when the data is in the stdin queue of the process. Rejects if the generation has ended, or ends
   * before that.
   */
  write(data: string | Uint8Array, generation: number | null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ data, generation, resolve, reject })
      if (!this.#isWriting) void this.#run()
    })
  }

  fail(generation: number, error: JsRuntimeError): void {
    // The first reason for a generation comes from its exit event, which later ones only summarize.
    if (!this.#ended || generation > this.#ended.generation) this.#ended = { generation, error }
    const isOver = (write: Write) => (write.generation ?? 0) <= generation
    const over = this.#queue.filter(isOver)
    this.#queue = this.#queue.filter((write) => !isOver(write))
    for (const { reject } of over) reject(error)
  }

  async #run(): Promise<void> {
    this.#isWriting = true
    // Writes of the same task share the first request.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const writes = this.#takeBatch()
      const { generation } = writes[0]!
      try {
        await this.#send(concat(writes.map(({ data }) => data)), generation)
        for (const { resolve } of writes) resolve()
      } catch (error) {
        for (const { reject } of writes) reject(this.#rejection(error, generation))
      }
    }
    this.#isWriting = false
  }

  /** Takes as many writes for one generation as fit one request, at least one. */
  #takeBatch(): Write[] {
    const generation = this.#queue[0]!.generation
    let size = 0
    const fits = (write: Write) =>
      write.generation === generation && (size += write.data.length) <= MAX_REQUEST_SIZE
    const end = this.#queue.findIndex((write) => !fits(write))
    return this.#queue.splice(0, end < 0 ? this.#queue.length : Math.max(end, 1))
  }

  async #send(body: Uint8Array, generation: number | null): Promise<void> {
    for (;;) {
      // The plugin records a number only when its request succeeds. After a refusal this writer still takes a new
      // one: a request number never stands for two different attempts.
      const headers: Record<string, string> = {
        'js-name': encodeURIComponent(this.#name),
        'js-writer': this.#id,
        'js-seq': String(++this.#seq),
      }
      if (generation !== null) headers['js-generation'] = String(generation)
      try {
        // Retries reuse the number: the plugin ignores a request that it has already executed.
        return await retryBriefly(() => invokeRaw('write', { body, headers }))
      } catch (error) {
        if (!(error instanceof JsRuntimeError) || error.kind !== 'stdinFull') throw error
        generation ??= this.#bindQueue(error.generation ?? null)
      }
      const args = { name: this.#name, generation }
      await retryBriefly(() => invokeCommand('drain', args))
    }
  }

  /** Binds queued writes without a generation to the one whose stdin is full, so that they never reach the next. */
  #bindQueue(generation: number | null): number | null {
    for (const write of this.#queue) write.generation ??= generation
    return generation
  }

  /** Replaces "the generation is over" with the reason for which it ended, if that is known. */
  #rejection(error: unknown, generation: number | null): unknown {
    const { kind } = error as JsRuntimeError
    const isOver = kind === 'exited' || kind === 'notRunning'
    const ended = this.#ended
    return isOver && ended && (generation ?? 0) <= ended.generation ? ended.error : error
  }
}

const encoder = new TextEncoder()

/** Like `TextEncoder.encode`, which takes twice as long in WebKit. */
function encode(text: string): Uint8Array {
  const buffer = new Uint8Array(3 * text.length)
  return buffer.subarray(0, encoder.encodeInto(text, buffer).written)
}

function concat(parts: (string | Uint8Array)[]): Uint8Array {
  if (parts.every((part) => typeof part === 'string')) return encode(parts.join(''))
  const chunks = parts.map((part) => (typeof part === 'string' ? encode(part) : part))
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0))
  let end = 0
  for (const chunk of chunks) {
    whole.set(chunk, end)
    end += chunk.length
  }
  return whole
}
