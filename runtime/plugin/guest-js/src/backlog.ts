/** What has come and was not asked for yet, up to a bound. */

/** Most frames that may wait for a reader. */
const MOST_FRAMES = 65_536

/** Most characters of them. */
const MOST_CHARS = 16 * 1024 * 1024

export class Backlog<Frame> {
  #waiting: { frame: Frame; chars: number }[] = []
  #chars = 0

  /** Whether there was room for it; a single one always fits. */
  push(frame: Frame, chars: number): boolean {
    const isFull = this.#waiting.length >= MOST_FRAMES || this.#chars + chars > MOST_CHARS
    if (isFull && this.#waiting.length > 0) return false
    this.#waiting.push({ frame, chars })
    this.#chars += chars
    return true
  }

  shift(): Frame | undefined {
    const first = this.#waiting.shift()
    if (first) this.#chars -= first.chars
    return first?.frame
  }

  /** Takes everything. */
  takeAll(): Frame[] {
    this.#chars = 0
    return this.#waiting.splice(0).map(({ frame }) => frame)
  }
}
