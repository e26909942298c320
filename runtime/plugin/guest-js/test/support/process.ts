/** A fake process: history, state and stdin. */
import type { ExitReason, ProcessInfo, State } from '../../src/index.ts'

export interface Entry {
  /** Counts over all generations of a name; `null` for `dropped` records. */
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
  /** Called for each complete line of stdin. */
  onLine: (line: string) => void = () => {}
  /** All text that the process has read. */
  stdin = ''
  capacity = STDIN_CAPACITY
  #unread: Uint8Array[] = []
  #queued = 0
  #isReading = true
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

  /** True while stdin accepts writes. */
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

  /** Replaces the oldest entries of the history with a `dropped` record. */
  dropOldest(count: number): void {
    const lost = this.history.splice(0, count)
    const output = lost.filter(({ text }) => /^[oe]/.test(text))
    const bytes = output.reduce((size, { text }) => size + text.length - 1, 0)
    const text = `d${JSON.stringify({ events: count, bytes })}`
    this.history.unshift({ seq: null, generation: this.history[0]?.generation ?? 1, text })
  }

  /** Takes all bytes or none. The last accepted write may exceed the capacity, like in the crate's queue. */
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
    this.#isReading = false
  }

  resumeReading(): void {
    this.#isReading = true
    this.#read()
  }

  #read(): void {
    if (!this.#isReading) return
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
