// A fake process: states, output and input, all in the page.
import type { ExitReason, ProcessConfig, ProcessInfo, State } from 'tauri-plugin-js-api'

export type FakeRuntime = 'embedded' | 'deno' | 'bun' | 'node'
type Send = (message: string) => void

export interface FakeProcessHooks {
  /** Starts the worker of a new generation. Returns the reader of its stdin. */
  serve(process: FakeProcess): (line: string) => void
  onChange(info: ProcessInfo): void
}

export class FakeProcess {
  info: ProcessInfo
  isBlocked = false
  readonly runtime: FakeRuntime
  readonly config: ProcessConfig
  readonly #hooks: FakeProcessHooks
  #records: { gen: number; record: string }[] = []
  #listeners = new Map<string, Send>()
  #reader: ((line: string) => void) | null = null

  constructor(name: string, config: ProcessConfig, runtime: FakeRuntime, hooks: FakeProcessHooks) {
    this.config = config
    this.#hooks = hooks
    this.runtime = runtime
    this.info = {
      name,
      pid: null,
      running: false,
      runtime: config.command ? null : this.runtime,
      state: { state: 'starting' },
      generation: 0,
      restarts: 0,
      startMs: null,
      startedAt: null,
    }
  }

  get pid(): number | null {
    return this.runtime === 'embedded' ? null : 4120 + this.info.name.length * 7
  }

  start(ago = 0): void {
    const startTimes = { embedded: 38, deno: 74, bun: 21, node: 52 }
    this.isBlocked = false
    this.#set({ state: 'starting' }, { generation: this.info.generation + 1, pid: null })
    const startMs = startTimes[this.runtime] + Math.random() * 8
    this.#set({ state: 'running' }, { pid: this.pid, startMs, startedAt: Date.now() - ago })
    this.#reader = this.#hooks.serve(this)
  }

  /** Blocks the event loop. An embedded process is unresponsive after a delay. */
  block(unresponsiveAfterMs: number): void {
    const { generation } = this.info
    this.isBlocked = true
    if (this.runtime !== 'embedded') return
    setTimeout(() => {
      const isSame = this.info.generation === generation && this.info.state.state === 'running'
      if (isSame) this.#set({ state: 'unresponsive' }, {})
    }, unresponsiveAfterMs)
  }

  exit(reason: ExitReason, code: number | null = reason.kind === 'error' ? 1 : null): void {
    if (this.info.state.state === 'exited') return
    this.send([`x${JSON.stringify({ reason, code })}`])
    const state: State = { state: 'exited', reason, code }
    this.info = { ...this.info, state, running: false, pid: null }
    this.#hooks.onChange(this.info)
  }

  stop(): void {
    if (this.info.state.state === 'exited') return
    this.#set({ state: 'stopping' }, {})
    setTimeout(() => this.exit({ kind: 'killed' }), this.isBlocked ? 500 : 60)
  }

  /** Sends records in the format of the plugin: a letter, then the payload. */
  send(records: string[]): void {
    const gen = this.info.generation
    const first = this.#records.length + 1
    this.#records.push(...records.map((record) => ({ gen, record })))
    const batch = [JSON.stringify({ first, gen }), ...records].join('\n')
    for (const send of this.#listeners.values()) send(batch)
  }

  attach(window: string, send: Send): number {
    this.#listeners.set(window, send)
    this.#records.forEach(({ gen, record }, i) =>
      send(`${JSON.stringify({ first: i + 1, gen })}\n${record}`),
    )
    return this.#records.length + 1
  }

  write(text: string): void {
    for (const line of text.split('\n')) if (line !== '') this.#reader?.(line)
  }

  #set(state: State, change: Partial<ProcessInfo>): void {
    const running = state.state === 'running' || state.state === 'unresponsive'
    this.info = { ...this.info, ...change, state, running }
    this.send([`s${JSON.stringify(state)}`])
    this.#hooks.onChange(this.info)
  }
}
