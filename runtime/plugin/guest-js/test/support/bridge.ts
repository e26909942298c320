/** The bridge between one page and one process, after `bridge/stream.rs`. */
import type { Entry, FakeProcess } from './process.ts'

const FULL = 64 * 1024
const FETCHED = 8 * 1024
const WINDOW_BYTES = 1024 * 1024
const WINDOW_BATCHES = 256

const encoder = new TextEncoder()

type Send = (message: string | ArrayBuffer) => void

export class FakeBridge {
  readonly attachment: string
  unacked: { last: number; bytes: number }[] = []
  /** Maximum of unacknowledged bytes. */
  mostBytes = 0
  mostBatches = 0
  batches = 0
  #waiting: Entry[]
  #seen: number
  #process: FakeProcess
  #send: Send
  #scheduled = false
  #closed = false

  constructor(process: FakeProcess, attachment: string, send: Send) {
    this.#process = process
    this.attachment = attachment
    this.#send = send
    this.#waiting = [...process.history]
    this.#seen = process.nextSeq
    this.schedule()
  }

  changed(): void {
    this.#waiting.push(
      ...this.#process.history.filter(({ seq }) => seq !== null && seq >= this.#seen),
    )
    this.#seen = this.#process.nextSeq
    this.schedule()
  }

  ack(seq: number): void {
    while (this.unacked[0] && this.unacked[0].last <= seq) this.unacked.shift()
    this.schedule()
  }

  close(): void {
    this.#closed = true
  }

  removed(): void {
    this.#pump()
    this.#send('{"first":0,"gen":0}\nr')
    this.#closed = true
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  get #sentBytes(): number {
    return this.unacked.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setTimeout(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    while (!this.#closed && this.#waiting.length > 0 && this.#hasRoom()) {
      const { text, last } = this.#take()
      const bytes = encoder.encode(text)
      this.batches++
      if (last !== null) this.unacked.push({ last, bytes: bytes.length })
      this.mostBytes = Math.max(this.mostBytes, this.#sentBytes)
      this.mostBatches = Math.max(this.mostBatches, this.unacked.length)
      this.#send(bytes.length < FETCHED ? text : (bytes.buffer as ArrayBuffer))
    }
  }

  #hasRoom(): boolean {
    return (
      this.unacked.length === 0 ||
      (this.#sentBytes < WINDOW_BYTES && this.unacked.length < WINDOW_BATCHES)
    )
  }

  #take(): { text: string; last: number | null } {
    const { generation } = this.#waiting[0]!
    let begin: number | null = null
    let next = 0
    let lines = ''
    while (this.#waiting.length > 0) {
      const { seq, generation: own, text } = this.#waiting[0]!
      const follows = seq === null || begin === null || seq === next
      if (lines.length >= FULL || own !== generation || !follows) break
      if (seq !== null) {
        begin ??= seq
        next = seq + 1
      }
      lines += `\n${text}`
      this.#waiting.shift()
    }
    const head = JSON.stringify({ first: begin ?? 0, gen: generation })
    return { text: head + lines, last: begin === null ? null : next - 1 }
  }
}
