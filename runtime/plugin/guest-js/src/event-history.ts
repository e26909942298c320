/** Recent events of a process, for listeners that register late. Evicts the oldest first. */
import type { ProcessEvent } from './event.ts'

const MAX_EVENTS = 2_000

/** Bound on the output of all stored events, in characters. */
const MAX_CHARS = 1024 * 1024

export class EventHistory {
  #events: ProcessEvent[] = []
  #oldest = 0
  #chars = 0

  push(event: ProcessEvent): void {
    this.#events.push(event)
    this.#chars += charsOf(event)
    while (this.#size > MAX_EVENTS || (this.#chars > MAX_CHARS && this.#size > 1)) this.#evict()
  }

  /** Oldest first. */
  toArray(): ProcessEvent[] {
    return this.#events.slice(this.#oldest)
  }

  get #size(): number {
    return this.#events.length - this.#oldest
  }

  #evict(): void {
    this.#chars -= charsOf(this.#events[this.#oldest++]!)
    // Compacts rarely: moving all events on each eviction would be quadratic.
    if (this.#oldest < MAX_EVENTS) return
    this.#events = this.toArray()
    this.#oldest = 0
  }
}

function charsOf(event: ProcessEvent): number {
  return 'data' in event ? event.data.length : 0
}
