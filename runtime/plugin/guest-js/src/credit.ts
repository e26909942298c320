/**
 * Tells the Rust side what was handled. It sends no more than 1 MiB or 256 messages ahead of that, and
 * keeps what was not handled; when that is too much the process waits. So a page that does not keep up
 * slows the process down, and one that does must say so even when little has come.
 *
 * An acknowledgement that fails is repeated by itself: after a full window no message comes with which it
 * could be repeated.
 */
import { report } from './error.ts'
import { backOff, isTransient } from './retry.ts'

/** Handled since the last acknowledgement, in bytes, before there is another. */
const BYTES = 256 * 1024

/** The same in messages. */
const MESSAGES = 64

/** Milliseconds after which less than that is acknowledged, too. */
const PAUSE = 50

/** Milliseconds after which an acknowledgement without an answer counts as failed. */
const PATIENCE = 5_000

export class Credit {
  readonly #acknowledge: (seq: number) => Promise<unknown>
  /** The last event that was handled. */
  #seq = -1
  /** The last event that the Rust side knows to be handled. */
  #known = -1
  #bytes = 0
  #messages = 0
  /** Failures in a row. */
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | null = null
  #isClosed = false

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

  /** The attachment is over: nothing is acknowledged any more. */
  close(): void {
    this.#isClosed = true
    this.#stopTimer()
  }

  #tell(): void {
    this.#stopTimer()
    this.#bytes = 0
    this.#messages = 0
    const seq = this.#seq
    const late = setTimeout(() => this.#failed(seq), PATIENCE)
    this.#acknowledge(seq).then(
      () => {
        clearTimeout(late)
        this.#known = Math.max(this.#known, seq)
        this.#failures = 0
      },
      (thrown: unknown) => {
        clearTimeout(late)
        if (isTransient(thrown)) this.#failed(seq)
        else if (!this.#isClosed) report(thrown)
      },
    )
  }

  #failed(seq: number): void {
    // A later one says the same and more.
    if (this.#isClosed || seq <= this.#known) return
    // The next message repeats it at once.
    this.#messages = MESSAGES
    this.#stopTimer()
    this.#timer = setTimeout(() => this.#tell(), backOff(++this.#failures))
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
