/** The events of a process. */
import type { ExitReason, State } from './bindings/index.ts'

/** The place of an event in the history of its process. */
export interface EventPosition {
  /** Counts the events of one name over all its generations, from 0; `null` for `dropped` events. */
  seq: number | null
  /** The generation of the process. Counts its starts, from 1. */
  generation: number
}

/** A line without its terminator, or a chunk of bytes if the process has `framing: 'bytes'`. */
export interface OutputEvent extends EventPosition {
  kind: 'stdout' | 'stderr'
  data: string | Uint8Array
  /**
   * True for a part of a line whose terminator did not arrive within 100 ms, such as a prompt. Progress output
   * with carriage returns gives one part per update, which ends with `\r`. Further parts follow. The event without
   * `partial` completes the line. RPC frames are never split into parts.
   */
  partial?: true
}

/** The process has entered another state. */
export interface StateEvent extends EventPosition {
  kind: 'state'
  state: State
}

/** The process has exited. Occurs once per generation, after its last output. */
export interface ExitEvent extends EventPosition {
  kind: 'exit'
  reason: ExitReason
  /** The exit code; `null` if a signal or a kill ended the process. */
  code: number | null
}

/** A line was longer than `limit` bytes (`limits.lineMb`) and was dropped. */
export interface LineTooLongEvent extends EventPosition {
  kind: 'lineTooLong'
  stream: 'stdout' | 'stderr'
  /** The limit in bytes. */
  limit: number
}

/** The history evicted events before they could be delivered. */
export interface DroppedEvent extends EventPosition {
  kind: 'dropped'
  seq: null
  /** The number of evicted events. */
  events: number
  /** The bytes of output in them. */
  bytes: number
}

/** An event of a later version of the plugin. */
export interface UnknownEvent extends EventPosition {
  kind: 'unknown'
}

/** Any event of a process; see {@link onEvent}. */
export type ProcessEvent =
  OutputEvent | StateEvent | ExitEvent | LineTooLongEvent | DroppedEvent | UnknownEvent

/** The state that an event reports, if any. */
export function stateOf(event: ProcessEvent): State | null {
  if (event.kind === 'state') return event.state
  if (event.kind !== 'exit') return null
  return { state: 'exited', reason: event.reason, code: event.code }
}

/** The payload of the app-wide events `js-process-stdout` and `js-process-stderr`. */
export interface StdioEventPayload {
  name: string
  /** A line without its terminator. */
  data: string
  /** See {@link OutputEvent.partial}. */
  partial?: true
}

/** The payload of the app-wide event `js-process-exit`. */
export interface ExitEventPayload {
  name: string
  /** The exit code; `null` if a signal or a kill ended the process. */
  code: number | null
}
