// One fault, done on purpose, and what the app did meanwhile: it is asked and watched all the time.
import { listProcesses } from 'tauri-plugin-js-api'
import { describe } from '../lib/describe'
import type { Fault } from '../lib/faults'
import { messageOf } from '../lib/hints'
import { pretty } from '../lib/json'
import type { Process } from './process.svelte'

/** What the application did while a backend failed. */
export interface Pulse {
  asked: number
  answered: number
  slowestMs: number
  longestFrameMs: number
}

export interface Report {
  fault: Fault
  /** What came of the call itself. */
  outcome: string
  /** It answered first; what happened to the process comes later. */
  answered: boolean
  pulse: Pulse
}

const QUESTIONS = 12
const BETWEEN_MS = 250

export class FaultRun {
  report: Report | null = $state.raw(null)
  running = $state(false)
  readonly #process: Process

  constructor(process: Process) {
    this.#process = process
  }

  async run(fault: Fault): Promise<void> {
    if (this.running) return
    this.running = true
    const pulse = { asked: 0, answered: 0, slowestMs: 0, longestFrameMs: 0 }
    this.report = { fault, outcome: 'sent, no answer yet', answered: false, pulse }
    void this.#call(fault)
    try {
      await this.#watch(pulse)
    } finally {
      this.running = false
    }
  }

  async #call(fault: Fault): Promise<void> {
    const begin = performance.now()
    const after = () => `after ${Math.round(performance.now() - begin)} ms`
    try {
      const value = await this.#process.call((api) => fault.call(api))
      const what = value === undefined || value === null ? '' : ` ${pretty(value)}`
      this.#tell(`answered${what} ${after()}`, true)
    } catch (error) {
      const { word, detail } = describe(this.#process.info.state)
      const ended = this.#process.exited ? `${word}${detail ? `, ${detail},` : ''}` : null
      this.#tell(`${ended ?? messageOf(error)} ${after()}`, false)
    }
  }

  #tell(outcome: string, answered: boolean): void {
    if (this.report) this.report = { ...this.report, outcome, answered }
  }

  async #watch(pulse: Pulse): Promise<void> {
    const stop = watchFrames((gap) => (pulse.longestFrameMs = Math.max(pulse.longestFrameMs, gap)))
    for (let i = 0; i < QUESTIONS; i++) {
      pulse.asked++
      const begin = performance.now()
      await listProcesses().then(
        () => pulse.answered++,
        () => {},
      )
      pulse.slowestMs = Math.max(pulse.slowestMs, performance.now() - begin)
      if (this.report) this.report = { ...this.report, pulse: { ...pulse } }
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS))
    }
    stop()
    if (this.report) this.report = { ...this.report, pulse: { ...pulse } }
  }
}

/** Tells the time between the frames that the page draws, until it is stopped. */
function watchFrames(onGap: (ms: number) => void): () => void {
  let before: number | null = null
  let id = requestAnimationFrame(function frame(now) {
    if (before !== null) onGap(now - before)
    before = now
    id = requestAnimationFrame(frame)
  })
  return () => cancelAnimationFrame(id)
}
