// The output and the state changes of a process as one bounded list of lines.
import type { ProcessEvent } from 'tauri-plugin-js-api'
import { stripAnsi } from '../lib/ansi'
import { deniedIn } from '../lib/denied'
import { describe, describeExit } from '../lib/describe'
import { bytes, plural } from '../lib/format'
import { frameOf } from '../lib/frames'
import { Ring } from '../lib/ring'

/** `rpc`: frames on stdout. `lifecycle`: state changes. `gap`: dropped output. `hint`: remedies. */
export type Stream = 'out' | 'err' | 'rpc' | 'lifecycle' | 'gap' | 'hint'

export interface Line {
  /** Increases with every line of a console. */
  id: number
  /** Milliseconds since the Unix epoch. */
  at: number
  stream: Stream
  text: string
  failed?: boolean
}

type NewLine = Pick<Line, 'stream' | 'text' | 'failed'>

const MAX_LINES = 5000
/** Separate from the other lines, so that calls do not evict output. */
const MAX_FRAMES = 1000

export class ConsoleLog {
  #lines = new Ring<Line>(MAX_LINES)
  #frames = new Ring<Line>(MAX_FRAMES)
  #nextId = 1
  #isAfterFrame = false

  /** Returns true if the event added a line. `at` is in milliseconds since the Unix epoch. */
  add(event: ProcessEvent, at: number): boolean {
    const lines = linesOf(event)
    if (event.kind === 'stdout') {
      const isAfterFrame = this.#isAfterFrame
      this.#isAfterFrame = lines[0]?.stream === 'rpc'
      // kkrpc's adapter for Deno writes two line feeds after a frame.
      if (isAfterFrame && lines[0]?.text === '') return false
    }
    for (const line of lines) this.write(line, at)
    return lines.length > 0
  }

  write(newLine: NewLine, at: number): void {
    const last = this.#lines.last()
    const line = { ...newLine, id: this.#nextId++, at }
    if (line.stream === 'hint' && last?.stream === 'hint' && last.text === line.text) return
    ;(line.stream === 'rpc' ? this.#frames : this.#lines).push(line)
  }

  /** Oldest first. */
  lines(withFrames: boolean): Line[] {
    const lines = this.#lines.toArray()
    return withFrames ? merge(lines, this.#frames.toArray()) : lines
  }

  get evicted(): number {
    return this.#lines.evicted
  }

  clear(): void {
    this.#lines.clear()
    this.#frames.clear()
  }
}

/** Merges two lists that are sorted by id. */
function merge(a: Line[], b: Line[]): Line[] {
  const merged: Line[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const first = j >= b.length || (i < a.length && a[i]!.id < b[j]!.id)
    merged.push(first ? a[i++]! : b[j++]!)
  }
  return merged
}

export function linesOf(event: ProcessEvent): NewLine[] {
  switch (event.kind) {
    case 'stdout': {
      const text = textOf(event.data)
      return [{ stream: frameOf(text) ? 'rpc' : 'out', text }]
    }
    case 'stderr':
      return withHint({ stream: 'err', text: textOf(event.data) })
    case 'state':
      return event.state.state === 'exited'
        ? []
        : [lifecycleLine(describe(event.state).label, event)]
    case 'exit': {
      const { label, detail, shape } = describeExit(event.reason, event.code)
      const text = detail && detail !== label ? `${label}: ${detail}` : label
      const stack = event.reason.kind === 'error' ? event.reason.stack : null
      const line = { ...lifecycleLine(text, event), failed: shape === 'failed' }
      return [...stackLines(stack), line]
    }
    case 'lineTooLong':
      return [gapLine(`a line of ${event.stream} over ${bytes(event.limit)} was dropped`)]
    case 'dropped':
      return [gapLine(`${plural(event.events, 'line')} dropped (${bytes(event.bytes)})`)]
    default:
      return []
  }
}

const gapLine = (text: string): NewLine => ({ stream: 'gap', text })

const lifecycleLine = (text: string, { generation }: { generation: number }): NewLine => ({
  stream: 'lifecycle',
  text: generation > 1 ? `${text} · start ${generation}` : text,
})

const stackLines = (stack: string | null): NewLine[] =>
  (stack?.split('\n') ?? []).map((text) => ({ stream: 'err', text }))

/** Adds the grant to a permission error. */
function withHint(line: NewLine): NewLine[] {
  const denied = deniedIn(stripAnsi(line.text))
  return denied ? [line, { stream: 'hint', text: `To allow it: ${denied.grant}` }] : [line]
}

/** The lines for the rejection of a call. Empty unless it is a permission error. */
export function deniedLines(message: string): NewLine[] {
  const lines = withHint({ stream: 'err', text: message })
  return lines.length > 1 ? lines : []
}

const decoder = new TextDecoder()
const textOf = (data: string | Uint8Array) =>
  typeof data === 'string' ? data : decoder.decode(data).replace(/\n$/, '')
