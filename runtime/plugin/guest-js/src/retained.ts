/** What a stream keeps for those who come late. Bounded: the oldest goes first. */
import type { ProcessEvent } from './event.ts'

/** Most events that are kept. */
export const MOST_EVENTS = 2_000

/** Most characters of output that are kept. */
export const MOST_CHARS = 1024 * 1024

/** A queue of events; taking from it is up to the reader. */
export class Retained {
  #events: ProcessEvent[] = []
  #oldest = 0
  #chars = 0

  push(event: ProcessEvent): void {
    this.#events.push(event)
    this.#chars += charsOf(event)
    while (this.size > MOST_EVENTS || (this.#chars > MOST_CHARS && this.size > 1)) this.#shift()
  }

  get size(): number {
    return this.#events.length - this.#oldest
  }

  /** Oldest first. */
  toArray(): ProcessEvent[] {
    return this.#events.slice(this.#oldest)
  }

  #shift(): void {
    this.#chars -= charsOf(this.#events[this.#oldest++]!)
    // Moving everything up for each event would cost more than the events do.
    if (this.#oldest < MOST_EVENTS) return
    this.#events = this.toArray()
    this.#oldest = 0
  }
}

function charsOf(event: ProcessEvent): number {
  return 'data' in event ? event.data.length : 0
}
