/**
 * Parses batches of events. A batch is text: a JSON header, then one event per line, whose first character is the
 * event's kind. Lines of output contain no terminators, so nothing is escaped.
 */
import type { ExitReason, State } from './bindings/index.ts'
import type { EventPosition, ProcessEvent } from './event.ts'

/** A parsed message. */
export interface Batch {
  events: ProcessEvent[]
  /** The last sequence number in the batch; `null` if it has none. */
  last: number | null
  /** True if the process was removed from the list. No batch follows. */
  removed: boolean
}

/** A message of a Channel. Where IPC falls back to JSON, bytes arrive as a list of numbers. */
export type BatchMessage = string | ArrayBuffer | Uint8Array | number[]

export function textOf(message: BatchMessage): string {
  if (typeof message === 'string') return message
  return decoder.decode(Array.isArray(message) ? new Uint8Array(message) : message)
}

// `ignoreBOM` preserves a byte order mark in the output of a process.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Parses the text of a message.
 *
 * @throws SyntaxError if the text does not start with a header.
 */
export function parseBatch(text: string): Batch {
  const lines = text.split('\n')
  const { first, gen } = JSON.parse(lines[0]!) as { first: number; gen: number }
  const batch: Batch = { events: [], last: null, removed: false }
  let seq = first
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index]!
    const kind = line[0]
    if (kind === 'r') {
      batch.removed = true
    } else if (kind === 'd') {
      const lost = JSON.parse(line.slice(1)) as { events: number; bytes: number }
      batch.events.push({ kind: 'dropped', seq: null, generation: gen, ...lost })
    } else {
      batch.events.push(parseEvent(kind, line.slice(1), { seq, generation: gen }))
      batch.last = seq++
    }
  }
  return batch
}

function parseEvent(kind: string | undefined, rest: string, position: EventPosition): ProcessEvent {
  switch (kind) {
    case 'o':
      return { ...position, kind: 'stdout', data: rest }
    case 'e':
      return { ...position, kind: 'stderr', data: rest }
    case 'O':
      return { ...position, kind: 'stdout', data: decodeBase64(rest) }
    case 'E':
      return { ...position, kind: 'stderr', data: decodeBase64(rest) }
    case 'p': {
      const kind = rest[0] === 'o' ? 'stdout' : 'stderr'
      return { ...position, kind, data: rest.slice(1), partial: true }
    }
    case 's':
      return { ...position, kind: 'state', state: JSON.parse(rest) as State }
    case 'x':
      return {
        ...position,
        kind: 'exit',
        ...(JSON.parse(rest) as { reason: ExitReason; code: number }),
      }
    case 't': {
      const { stream, limit } = JSON.parse(rest) as { stream: 'stdout' | 'stderr'; limit: number }
      return { ...position, kind: 'lineTooLong', stream, limit }
    }
    default:
      return { ...position, kind: 'unknown' }
  }
}

function decodeBase64(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
}
