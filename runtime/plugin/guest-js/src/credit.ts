/**
 * Tells the Rust side what was handled. It sends no more than 1 MiB or 256 messages ahead of that, and
 * keeps what was not handled; when that is too much the process waits. So a page that does not keep up
 * slows the process down, and one that does must say so even when little has come.
 */

/** Handled since the last word, in bytes, before there is another. */
const BYTES = 256 * 1024

/** The same in messages. */
const MESSAGES = 64

/** Milliseconds after which less than that is told, too. */
const PAUSE = 50

export class Credit {
  readonly #acknowledge: (seq: number) => Promise<unknown>
  #seq = 0
  #bytes = 0
  #messages = 0
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(acknowledge: (seq: number) => Promise<unknown>) {
    this.#acknowledge = acknowledge
  }

  /** A message of that size, whose last event is `seq`, was handled. */
  handled(seq: number, bytes: number): void {
    this.#seq = seq
    this.#bytes += bytes
    this.#messages++
    if (this.#bytes >= BYTES || this.#messages >= MESSAGES) this.#tell()
    else this.#timer ??= setTimeout(() => this.#tell(), PAUSE)
  }

  #tell(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#bytes = 0
    this.#messages = 0
    this.#acknowledge(this.#seq).catch(() => {
      // The next one says the same and more, and must not wait for as long as this one did.
      this.#messages = MESSAGES
    })
  }
}
