// Causes one fault in a backend and measures the responsiveness of the app during it.
import { listProcesses } from 'tauri-plugin-js-api'
import { describe } from '../lib/describe'
import type { Fault } from '../lib/faults'
import { messageOf } from '../lib/hints'
import { pretty } from '../lib/json'
import type { CallTarget } from './call-target'

/** The responsiveness of the app during a fault. */
export interface Responsiveness {
  /** Requests to the app. */
  sent: number
  answered: number
  slowestMs: number
  /** The longest time between two frames that the page drew. */
  longestFrameMs: number
}

export interface Report {
  fault: Fault
  /** The outcome of the call that causes the fault. */
  outcome: string
  /** True if the call resolved; the process may end later. */
  answered: boolean
  responsiveness: Responsiveness
}

const REQUESTS = 12
const INTERVAL_MS = 250

export class FaultRun {
  report: Report | null = $state.raw(null)
  running = $state(false)
  readonly #process: CallTarget

  constructor(process: CallTarget) {
    this.#process = process
  }

  async run(fault: Fault): Promise<void> {
    if (this.running) return
    this.running = true
    const responsiveness = { sent: 0, answered: 0, slowestMs: 0, longestFrameMs: 0 }
    this.report = { fault, outcome: 'sent, no answer yet', answered: false, responsiveness }
    void this.#call(fault)
    try {
      await this.#measure(responsiveness)
    } finally {
      this.running = false
    }
  }

  async #call(fault: Fault): Promise<void> {
    const begin = performance.now()
    const after = () => `after ${Math.round(performance.now() - begin)} ms`
    try {
      const value = await this.#process.call((api) => fault.call(api))
      const result = value === undefined || value === null ? '' : ` ${pretty(value)}`
      this.#setOutcome(`answered${result} ${after()}`, true)
    } catch (error) {
      const { label, detail } = describe(this.#process.info.state)
      const ended = this.#process.exited ? `${label}${detail ? `, ${detail},` : ''}` : null
      this.#setOutcome(`${ended ?? messageOf(error)} ${after()}`, false)
    }
  }

  #setOutcome(outcome: string, answered: boolean): void {
    if (this.report) this.report = { ...this.report, outcome, answered }
  }

  async #measure(measured: Responsiveness): Promise<void> {
    const publish = () => {
      if (this.report) this.report = { ...this.report, responsiveness: { ...measured } }
    }
    const stop = watchFrames((gap) => {
      measured.longestFrameMs = Math.max(measured.longestFrameMs, gap)
    })
    for (let i = 0; i < REQUESTS; i++) {
      measured.sent++
      const begin = performance.now()
      await listProcesses().then(
        () => measured.answered++,
        () => {},
      )
      measured.slowestMs = Math.max(measured.slowestMs, performance.now() - begin)
      publish()
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS))
    }
    stop()
    publish()
  }
}

/** Calls `onGap` with the milliseconds between drawn frames. Returns a function that stops it. */
function watchFrames(onGap: (ms: number) => void): () => void {
  let last: number | null = null
  let id = requestAnimationFrame(function frame(now) {
    if (last !== null) onGap(now - last)
    last = now
    id = requestAnimationFrame(frame)
  })
  return () => cancelAnimationFrame(id)
}
