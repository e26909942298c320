// What is shown of a console: its filters, and where it is scrolled to.
import { stripAnsi } from '../lib/ansi'
import { matcher } from '../lib/filter'
import { offsetsOf, rowAt, visible, wrappedRows } from '../lib/virtual'
import type { Line, Stream } from './console'
import type { Process } from './process.svelte'
import { load, save } from './storage'

/** The streams that can be switched; hints and gaps belong to what is around them. */
export const SWITCHES = ['out', 'err', 'rpc', 'life'] as const
export type Switch = (typeof SWITCHES)[number]

export const LINE_HEIGHT = 20
/** Rows beyond the edges, so that a quick scroll does not show an empty strip. */
const OVER = 12
/** Longer lines are cut on screen, not in the copy. */
export const LONGEST = 4000

class ConsoleOptions {
  shown: Record<Switch, boolean> = $state(
    load('streams', { out: true, err: true, rpc: false, life: true }),
  )
  wrap = $state(load('wrap', true))

  toggle(stream: Switch): void {
    this.shown[stream] = !this.shown[stream]
    save('streams', this.shown)
  }

  toggleWrap(): void {
    this.wrap = !this.wrap
    save('wrap', this.wrap)
  }
}

export const options = new ConsoleOptions()

export class ConsoleView {
  query = $state('')
  follow = $state(true)
  /** Measured by the component: the list's size, and how many characters fit a line. */
  height = $state(0)
  columns = $state(0)
  top = $state(0)
  readonly #process: Process

  constructor(process: Process) {
    this.#process = process
  }

  readonly #all = $derived.by(() => {
    void this.#process.logVersion
    return this.#process.log.lines(options.shown.rpc)
  })

  readonly lines = $derived.by(() => {
    const matches = matcher(this.query)
    const { out, err, life } = options.shown
    const on: Record<Stream, boolean> = { out, err, life, rpc: true, gap: true, hint: err }
    const all = this.query.trim() === ''
    return this.#all.filter((line) => on[line.stream] && (all || matches(stripAnsi(line.text))))
  })

  readonly hidden = $derived(this.#all.length - this.lines.length)

  readonly #offsets = $derived.by(() => {
    const columns = options.wrap ? this.columns : 0
    return offsetsOf(
      this.lines.map((line) => wrappedRows(Math.min(line.text.length, LONGEST), columns)),
      LINE_HEIGHT,
    )
  })

  readonly slice = $derived(visible(this.#offsets, this.top, this.height, OVER))

  /** The line at the upper edge, and how much of it is above. */
  anchor(): { id: number; above: number } | null {
    const row = rowAt(this.#offsets, this.top)
    const line = this.lines[row]
    return line ? { id: line.id, above: this.top - this.#offsets[row]! } : null
  }

  /** Where to scroll so that a line is at the upper edge again; the next one if it is gone. */
  offsetOf({ id, above }: { id: number; above: number }): number {
    const row = this.lines.findIndex((line) => line.id >= id)
    if (row < 0) return this.top
    return this.#offsets[row]! + (this.lines[row]!.id === id ? above : 0)
  }

  copyText(): string {
    return this.lines.map(plain).join('\n')
  }
}

const plain = (line: Line) => stripAnsi(line.text)
