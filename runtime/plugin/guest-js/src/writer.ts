/**
 * The way into a process: one request at a time, and whatever is written meanwhile goes into the next.
 * That keeps the order under every IPC mode of Tauri, and costs a request per round trip instead of one
 * per write.
 */
import { call, callRaw, uniqueId } from './call.ts'
import { JsRuntimeError } from './error.ts'
import { insist } from './retry.ts'

/** Writers without work that are kept, with the numbers of their requests. */
const MOST_IDLE = 64

/** About as much goes into one request; a single larger write goes alone. */
const MOST_IN_ONE = 256 * 1024

interface Write {
  data: string | Uint8Array
  /** The start of the process that it is for; `null` for the one that it meets. */
  generation: number | null
  resolve: () => void
  reject: (error: unknown) => void
}

/** The one that was used last is the last. */
const writers = new Map<string, Writer>()

/** The one writer of this page for a process. */
export function writerOf(name: string): Writer {
  const writer = writers.get(name) ?? new Writer(name)
  writers.delete(name)
  writers.set(name, writer)
  if (writers.size > MOST_IDLE) dropIdle()
  return writer
}

/** Lets go of a writer that has nothing to do. */
export function dropWriter(name: string): void {
  if (writers.get(name)?.isIdle) writers.delete(name)
}

/** A generation has ended: what was written for it, or for an earlier one, is not for the next. */
export function failWrites(name: string, generation: number, error: JsRuntimeError): void {
  writers.get(name)?.fail(generation, error)
}

function dropIdle(): void {
  for (const [name, { isIdle }] of writers) {
    if (writers.size <= MOST_IDLE) return
    if (isIdle) writers.delete(name)
  }
}

/** Writes to one process, in the order of the calls. */
export class Writer {
  readonly #name: string
  readonly #id = uniqueId()
  #seq = 0
  #queue: Write[] = []
  #writing = false
  /** The last generation that is known to have ended, and how. */
  #ended: { generation: number; error: JsRuntimeError } | null = null

  constructor(name: string) {
    this.#name = name
  }

  get isIdle(): boolean {
    return !this.#writing
  }

  /**
   * Resolves when stdin has taken the data; that is how a writer is slowed down. Rejects when the generation
   * has ended, or ends while the data wait.
   */
  write(data: string | Uint8Array, generation: number | null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ data, generation, resolve, reject })
      if (!this.#writing) void this.#run()
    })
  }

  fail(generation: number, error: JsRuntimeError): void {
    // The first reason that is heard is the one that the process gave.
    if (!this.#ended || generation > this.#ended.generation) this.#ended = { generation, error }
    const isOver = (write: Write) => (write.generation ?? 0) <= generation
    const over = this.#queue.filter(isOver)
    this.#queue = this.#queue.filter((write) => !isOver(write))
    for (const { reject } of over) reject(error)
  }

  async #run(): Promise<void> {
    this.#writing = true
    // What is written in the same turn goes into the first request already.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const writes = this.#take()
      const { generation } = writes[0]!
      try {
        await this.#send(joined(writes.map(({ data }) => data)), generation)
        for (const { resolve } of writes) resolve()
      } catch (error) {
        for (const { reject } of writes) reject(this.#reason(error, generation))
      }
    }
    this.#writing = false
  }

  /** As many writes for one generation as fit one request, at least one. */
  #take(): Write[] {
    const generation = this.#queue[0]!.generation
    let size = 0
    const isNext = (write: Write) =>
      write.generation === generation && (size += write.data.length) <= MOST_IN_ONE
    const end = this.#queue.findIndex((write) => !isNext(write))
    return this.#queue.splice(0, end < 0 ? this.#queue.length : Math.max(end, 1))
  }

  async #send(body: Uint8Array, generation: number | null): Promise<void> {
    for (;;) {
      // A number for each attempt. One that was refused counts as not done on the Rust side.
      const headers: Record<string, string> = {
        'js-name': encodeURIComponent(this.#name),
        'js-writer': this.#id,
        'js-seq': String(++this.#seq),
      }
      if (generation !== null) headers['js-generation'] = String(generation)
      try {
        // With the same number, so that what has arrived counts once.
        return await insist(() => callRaw('write', { body, headers }))
      } catch (error) {
        if (!(error instanceof JsRuntimeError) || error.kind !== 'stdinFull') throw error
        generation ??= this.#pinTo(error.generation ?? null)
      }
      const room = { name: this.#name, generation }
      await insist(() => call('drain', room))
    }
  }

  /** What waits behind a full stdin waits for the process that it was full of. */
  #pinTo(generation: number | null): number | null {
    for (const write of this.#queue) write.generation ??= generation
    return generation
  }

  /** How its generation has ended says more than that it has. */
  #reason(error: unknown, generation: number | null): unknown {
    const { kind } = error as JsRuntimeError
    const isOver = kind === 'exited' || kind === 'notRunning'
    const ended = this.#ended
    return isOver && ended && (generation ?? 0) <= ended.generation ? ended.error : error
  }
}

const encoder = new TextEncoder()

/** As `encode` does it, which takes twice as long in WebKit. */
function encode(text: string): Uint8Array {
  const room = new Uint8Array(3 * text.length)
  return room.subarray(0, encoder.encodeInto(text, room).written)
}

/** One request's worth of text and bytes. */
function joined(parts: (string | Uint8Array)[]): Uint8Array {
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
