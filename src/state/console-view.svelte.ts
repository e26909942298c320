// The view of a console: filters and scroll position.
import { stripAnsi } from '../lib/ansi'
import { matcher } from '../lib/filter'
import { lineAt, offsetsOf, visibleSlice, wrappedRows } from '../lib/virtual'
import type { Line, Stream } from './console'
import type { Process } from './process.svelte'
import { load, save } from './storage'

/** The streams with a filter button. */
export const FILTERS = ['out', 'err', 'rpc', 'lifecycle'] as const
export type Filter = (typeof FILTERS)[number]

/** The height of one row in pixels, as in the stylesheet. */
const ROW_HEIGHT = 20
/** Extra rows above and below the viewport, so that a quick scroll shows no gap. */
const OVERSCAN = 12
/** Longer lines are truncated on screen, not in the clipboard. */
export const MAX_CHARS = 4000

class ConsoleOptions {
  shown: Record<Filter, boolean> = $state({
    ...{ out: true, err: true, rpc: false, lifecycle: true },
    ...load('streams', {}),
  })
  wrap = $state(load('wrap', true))

  toggle(stream: Filter): void {
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
  /** Measured by the component: the height of the list in pixels, and the characters per row. */
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
    const { out, err, lifecycle } = options.shown
    const enabled: Record<Stream, boolean> = {
      ...{ out, err, lifecycle },
      // Hints follow lines of stderr. The log leaves frames out by itself.
      ...{ rpc: true, gap: true, hint: err },
    }
    const all = this.query.trim() === ''
    return this.#all.filter(
      (line) => enabled[line.stream] && (all || matches(stripAnsi(line.text))),
    )
  })

  readonly hidden = $derived(this.#all.length - this.lines.length)

  readonly #offsets = $derived.by(() => {
    const columns = options.wrap ? this.columns : 0
    return offsetsOf(
      this.lines.map((line) => wrappedRows(Math.min(line.text.length, MAX_CHARS), columns)),
      ROW_HEIGHT,
    )
  })

  readonly slice = $derived(visibleSlice(this.#offsets, this.top, this.height, OVERSCAN))

  /** The line at the upper edge, and the pixels of it above the edge. */
  anchor(): { id: number; above: number } | null {
    const index = lineAt(this.#offsets, this.top)
    const line = this.lines[index]
    return line ? { id: line.id, above: this.top - this.#offsets[index]! } : null
  }

  /** The scroll offset that restores an anchor. If the line is evicted, the next line takes its place. */
  offsetOf({ id, above }: { id: number; above: number }): number {
    const index = this.lines.findIndex((line) => line.id >= id)
    if (index < 0) return this.top
    return this.#offsets[index]! + (this.lines[index]!.id === id ? above : 0)
  }

  copyText(): string {
    return this.lines.map(plain).join('\n')
  }
}

const plain = (line: Line) => stripAnsi(line.text)
