/** A process as the Rust side keeps it: its history, its state, its stdin. */
import type { ExitReason, ProcessInfo, State } from '../../src/index.ts'

export interface Entry {
  /** As in the crate: counts over the generations of a name. `null` for what is not numbered. */
  seq: number | null
  generation: number
  /** The line of a batch. */
  text: string
}

const STDIN_CAPACITY = 64 * 1024

export class FakeProcess {
  readonly name: string
  generation = 0
  state: State = { state: 'starting' }
  startedAt: number | null = 1_700_000_000_000
  history: Entry[] = []
  nextSeq = 0
  /** Called for each whole line of stdin, while the process reads. */
  onLine: (line: string) => void = () => {}
  /** Every byte that stdin has taken. */
  stdin = ''
  capacity = STDIN_CAPACITY
  #unread: Uint8Array[] = []
  #queued = 0
  #reads = true
  #rest = ''
  #decoder = new TextDecoder()
  #drains: (() => void)[] = []
  readonly changed: () => void

  constructor(name: string, changed: () => void) {
    this.name = name
    this.changed = changed
  }

  get info(): ProcessInfo {
    return {
      name: this.name,
      pid: null,
      running: this.running,
      runtime: 'embedded',
      state: this.state,
      generation: this.generation,
      restarts: 0,
      startMs: 1,
      startedAt: this.startedAt,
    }
  }

  /** Whether it can be written to. */
  get running(): boolean {
    return this.state.state === 'running' || this.state.state === 'unresponsive'
  }

  start(): void {
    this.generation++
    this.#rest = ''
    this.enter({ state: 'starting' })
    this.enter({ state: 'running' })
  }

  enter(state: State): void {
    this.state = state
    this.record(`s${JSON.stringify(state)}`)
  }

  print(...lines: string[]): void {
    for (const line of lines) this.record(`o${line}`)
  }

  log(...lines: string[]): void {
    for (const line of lines) this.record(`e${line}`)
  }

  exit(code: number | null, reason: ExitReason = { kind: 'completed' }): void {
    this.state = { state: 'exited', reason, code }
    this.record(`x${JSON.stringify({ reason, code })}`)
    this.#unread = []
    this.#queued = 0
    this.#wakeDrains()
  }

  record(text: string): void {
    this.history.push({ seq: this.nextSeq++, generation: this.generation, text })
    this.changed()
  }

  /** So much of the oldest history is gone, and whoever comes is told. */
  dropOldest(count: number): void {
    const lost = this.history.splice(0, count)
    const output = lost.filter(({ text }) => /^[oe]/.test(text))
    const bytes = output.reduce((size, { text }) => size + text.length - 1, 0)
    const text = `d${JSON.stringify({ events: count, bytes })}`
    this.history.unshift({ seq: null, generation: this.history[0]?.generation ?? 1, text })
  }

  /** All or nothing, like the crate's queue: the last write may go over the capacity. */
  write(bytes: Uint8Array): boolean {
    if (this.#queued >= this.capacity) return false
    this.#unread.push(bytes.slice())
    this.#queued += bytes.length
    queueMicrotask(() => this.#read())
    return true
  }

  get queued(): number {
    return this.#queued
  }

  drain(): Promise<void> {
    if (this.#queued < this.capacity) return Promise.resolve()
    return new Promise((resolve) => this.#drains.push(resolve))
  }

  stopReading(): void {
    this.#reads = false
  }

  goOnReading(): void {
    this.#reads = true
    this.#read()
  }

  #read(): void {
    if (!this.#reads) return
    for (const bytes of this.#unread.splice(0)) {
      const text = this.#decoder.decode(bytes, { stream: true })
      this.stdin += text
      this.#rest += text
    }
    this.#queued = 0
    const lines = this.#rest.split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) this.onLine(line)
    this.#wakeDrains()
  }

  #wakeDrains(): void {
    for (const wake of this.#drains.splice(0)) wake()
  }
}
