/**
 * The form in which events cross to the page: text, one event a line, whose first character tells the
 * kind. Lines of output have no line ends in them, so nothing is escaped.
 */
import type { ExitReason, State } from './bindings/index.ts'
import type { EventPosition, ProcessEvent } from './event.ts'

/** One message, taken apart. */
export interface Batch {
  events: ProcessEvent[]
  /** The number of the last event that has one. */
  last: number | null
  /** Whether the entry of the process was removed: nothing follows. */
  removed: boolean
}

/** What a Channel may deliver: bytes come as a list of numbers where IPC has to fall back to JSON. */
export type BatchMessage = string | ArrayBuffer | Uint8Array | number[]

/** The text of a message. */
export function textOf(message: BatchMessage): string {
  if (typeof message === 'string') return message
  return decoder.decode(Array.isArray(message) ? new Uint8Array(message) : message)
}

// A byte order mark is text like any other here.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Takes a message apart.
 *
 * @throws SyntaxError if it does not begin with its head.
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
      batch.events.push(eventOf(kind, line.slice(1), { seq, generation: gen }))
      batch.last = seq++
    }
  }
  return batch
}

function eventOf(kind: string | undefined, rest: string, at: EventPosition): ProcessEvent {
  switch (kind) {
    case 'o':
      return { ...at, kind: 'stdout', data: rest }
    case 'e':
      return { ...at, kind: 'stderr', data: rest }
    case 'O':
      return { ...at, kind: 'stdout', data: bytesOf(rest) }
    case 'E':
      return { ...at, kind: 'stderr', data: bytesOf(rest) }
    case 'p': {
      const kind = rest[0] === 'o' ? 'stdout' : 'stderr'
      return { ...at, kind, data: rest.slice(1), partial: true }
    }
    case 's':
      return { ...at, kind: 'state', state: JSON.parse(rest) as State }
    case 'x':
      return { ...at, kind: 'exit', ...(JSON.parse(rest) as { reason: ExitReason; code: number }) }
    case 't': {
      const { stream, limit } = JSON.parse(rest) as { stream: 'stdout' | 'stderr'; limit: number }
      return { ...at, kind: 'lineTooLong', stream, limit }
    }
    default:
      return { ...at, kind: 'unknown' }
  }
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
}
