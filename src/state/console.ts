// What a process said and what happened to it, as lines of one timeline. Bounded: the oldest goes.
import type { ProcessEvent } from 'tauri-plugin-js-api'
import { stripAnsi } from '../lib/ansi'
import { deniedIn } from '../lib/denied'
import { describe, describeExit } from '../lib/describe'
import { bytes, plural } from '../lib/format'
import { frameOf } from '../lib/frames'
import { Ring } from '../lib/ring'

/** `rpc` are frames on stdout, `life` what the process went through, `gap` output that is lost. */
export type Stream = 'out' | 'err' | 'rpc' | 'life' | 'gap' | 'hint'

export interface Line {
  /** Grows with every line of a console, so that a list can be searched for one. */
  id: number
  at: number
  stream: Stream
  text: string
  failed?: boolean
}

type Draft = Pick<Line, 'stream' | 'text' | 'failed'>

const LINES = 5000
/** Fewer, and apart from the rest: a thousand calls must not push out what the process said. */
const FRAMES = 1000

export class ConsoleLog {
  #lines = new Ring<Line>(LINES)
  #frames = new Ring<Line>(FRAMES)
  #nextId = 1
  #isAfterFrame = false

  /** Whether the event made a line. */
  add(event: ProcessEvent, at: number): boolean {
    const drafts = linesOf(event)
    if (event.kind === 'stdout') {
      const isAfterFrame = this.#isAfterFrame
      this.#isAfterFrame = drafts[0]?.stream === 'rpc'
      // kkrpc's adapter for Deno ends a frame with two line ends; the second is no output.
      if (isAfterFrame && drafts[0]?.text === '') return false
    }
    for (const draft of drafts) this.write(draft, at)
    return drafts.length > 0
  }

  write(draft: Draft, at: number): void {
    const last = this.#lines.last()
    const line = { ...draft, id: this.#nextId++, at }
    if (draft.stream === 'hint' && last?.stream === 'hint' && last.text === draft.text) return
    ;(draft.stream === 'rpc' ? this.#frames : this.#lines).push(line)
  }

  /** Oldest first; with or without the frames. */
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

/** Two lists in the order of their ids as one. */
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

export function linesOf(event: ProcessEvent): Draft[] {
  switch (event.kind) {
    case 'stdout': {
      const text = textOf(event.data)
      return [{ stream: frameOf(text) ? 'rpc' : 'out', text }]
    }
    case 'stderr':
      return withHint({ stream: 'err', text: textOf(event.data) })
    case 'state':
      return event.state.state === 'exited' ? [] : [lifeLine(describe(event.state).word, event)]
    case 'exit': {
      const { word, detail, shape } = describeExit(event.reason, event.code)
      const text = detail && detail !== word ? `${word}: ${detail}` : word
      const stack = event.reason.kind === 'error' ? event.reason.stack : null
      const line = { ...lifeLine(text, event), failed: shape === 'failed' }
      return [...stackLines(stack), line]
    }
    case 'lineTooLong':
      return [gapLine(`a line of ${event.stream} beyond ${bytes(event.limit)} was dropped`)]
    case 'dropped':
      return [gapLine(`${plural(event.events, 'line')} dropped (${bytes(event.bytes)})`)]
    default:
      return []
  }
}

const gapLine = (text: string): Draft => ({ stream: 'gap', text })

const lifeLine = (text: string, { generation }: { generation: number }): Draft => ({
  stream: 'life',
  text: generation > 1 ? `${text} · start ${generation}` : text,
})

const stackLines = (stack: string | null): Draft[] =>
  (stack?.split('\n') ?? []).map((text) => ({ stream: 'err', text }))

/** A refused call is followed by what would allow it. */
function withHint(line: Draft): Draft[] {
  const denied = deniedIn(stripAnsi(line.text))
  return denied ? [line, { stream: 'hint', text: `To allow it: ${denied.grant}` }] : [line]
}

/** The lines for a refusal that a call was answered with; none for other errors. */
export function deniedLines(message: string): Draft[] {
  const lines = withHint({ stream: 'err', text: message })
  return lines.length > 1 ? lines : []
}

const decoder = new TextDecoder()
const textOf = (data: string | Uint8Array) =>
  typeof data === 'string' ? data : decoder.decode(data).replace(/\n$/, '')
