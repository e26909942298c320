/** What a process says and what happens to it. */
import type { ExitReason, State } from './bindings/index.ts'

/** Where an event stands in the history of its process. */
export interface EventPosition {
  /** Counts the events of one name, over its generations; `null` for `dropped`, which has none. */
  seq: number | null
  /** The start of the process that it belongs to, from 1. */
  generation: number
}

/** A line without its end, or a chunk of bytes where the process has `framing: 'bytes'`. */
export interface OutputEvent extends EventPosition {
  kind: 'stdout' | 'stderr'
  data: string | Uint8Array
  /**
   * Set for text of a line whose end has not come within a tenth of a second: a prompt, or progress drawn with
   * carriage returns, where each state is one event and ends with its `\r`. The rest of the line comes in further
   * events, of which the one without the mark ends it. RPC frames never come in parts.
   */
  partial?: true
}

/** The process has reached another state of its life. */
export interface StateEvent extends EventPosition {
  kind: 'state'
  state: State
}

/** The process has ended: exactly once in a generation, after its last output. */
export interface ExitEvent extends EventPosition {
  kind: 'exit'
  reason: ExitReason
  /** `null` when a signal or a kill ended it. */
  code: number | null
}

/** A line grew longer than `limit` bytes (`limits.lineMb`) and was dropped. */
export interface LineTooLongEvent extends EventPosition {
  kind: 'lineTooLong'
  stream: 'stdout' | 'stderr'
  limit: number
}

/** That much output was gone before it could be delivered. */
export interface DroppedEvent extends EventPosition {
  kind: 'dropped'
  seq: null
  events: number
  bytes: number
}

/** An event of a later version of the plugin. */
export interface UnknownEvent extends EventPosition {
  kind: 'unknown'
}

/** Everything there is to hear from a process; see {@link onEvent}. */
export type ProcessEvent =
  OutputEvent | StateEvent | ExitEvent | LineTooLongEvent | DroppedEvent | UnknownEvent

/** The state that an event says the process is in; an exit is one, too. */
export function stateOf(event: ProcessEvent): State | null {
  if (event.kind === 'state') return event.state
  if (event.kind !== 'exit') return null
  return { state: 'exited', reason: event.reason, code: event.code }
}

/** What the app-wide events `js-process-stdout` and `js-process-stderr` carry. */
export interface StdioEventPayload {
  name: string
  /** A line without its end. */
  data: string
  /** See {@link OutputEvent.partial}. */
  partial?: true
}

/** What the app-wide event `js-process-exit` carries. */
export interface ExitEventPayload {
  name: string
  code: number | null
}
