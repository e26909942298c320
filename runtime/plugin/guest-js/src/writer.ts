/**
 * The way into a process: one request at a time, and whatever is written meanwhile goes into the next.
 * That keeps the order under every IPC mode of Tauri, and costs a request per round trip instead of one
 * per write.
 */
import { call, callRaw, uniqueId } from './call.ts'
import { JsRuntimeError } from './error.ts'

/** About as much goes into one request; a single larger write goes alone. */
const MOST_IN_ONE = 256 * 1024

interface Write {
  data: string | Uint8Array
  resolve: () => void
  reject: (error: unknown) => void
}

const writers = new Map<string, Writer>()

/** The one writer of this page for a process. */
export function writerOf(name: string): Writer {
  let writer = writers.get(name)
  if (!writer) writers.set(name, (writer = new Writer(name)))
  return writer
}

/** Lets go of a writer that has nothing to do. */
export function dropWriter(name: string): void {
  if (writers.get(name)?.isIdle) writers.delete(name)
}

/** Writes to one process, in the order of the calls. */
export class Writer {
  readonly #name: string
  readonly #id = uniqueId()
  #seq = 0
  #queue: Write[] = []
  #writing = false
  /** Why nothing that was written up to now may still be sent: the process it was for has ended. */
  #failure: { error: JsRuntimeError } | null = null

  constructor(name: string) {
    this.#name = name
  }

  get isIdle(): boolean {
    return !this.#writing
  }

  /** Resolves when stdin has taken the data; that is how a writer is slowed down. */
  write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ data, resolve, reject })
      if (!this.#writing) void this.#run()
    })
  }

  /** The process has ended: nothing that waits is for the next one. */
  fail(error: JsRuntimeError): void {
    this.#failure = this.#writing ? { error } : null
    for (const write of this.#queue.splice(0)) write.reject(error)
  }

  async #run(): Promise<void> {
    this.#writing = true
    // What is written in the same turn goes into the first request already.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const writes = this.#take()
      this.#failure = null
      try {
        await this.#send(joined(writes.map(({ data }) => data)))
        for (const { resolve } of writes) resolve()
      } catch (error) {
        for (const { reject } of writes) reject(error)
      }
    }
    this.#writing = false
  }

  /** As many writes as fit one request, at least one. */
  #take(): Write[] {
    let size = 0
    const end = this.#queue.findIndex(({ data }) => (size += data.length) > MOST_IN_ONE)
    return this.#queue.splice(0, end < 0 ? this.#queue.length : Math.max(end, 1))
  }

  async #send(body: Uint8Array): Promise<void> {
    for (;;) {
      // A number for each attempt: one that was refused counts as done on the Rust side.
      const headers = {
        'js-name': encodeURIComponent(this.#name),
        'js-writer': this.#id,
        'js-seq': String(++this.#seq),
      }
      try {
        return await callRaw('write', { body, headers })
      } catch (error) {
        if (!(error instanceof JsRuntimeError) || error.kind !== 'stdinFull') throw error
      }
      await call('drain', { name: this.#name })
      if (this.#failure) throw this.#failure.error
    }
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
