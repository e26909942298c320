/**
 * Acknowledges handled events to the plugin. The plugin sends at most 1 MiB or 256 messages ahead of the last
 * acknowledgement and stores the rest. When its store is full, the process waits.
 */
import { report } from './error.ts'
import { backOff, isTransient } from './invoke.ts'

/** Handled bytes that trigger an acknowledgement. */
const ACK_BYTES = 256 * 1024

/** Handled messages that trigger an acknowledgement. */
const ACK_MESSAGES = 64

/** Milliseconds after which smaller amounts are acknowledged. */
const ACK_DELAY = 50

/** Milliseconds after which an unanswered acknowledgement counts as failed. */
const ACK_TIMEOUT = 5_000

export class AckWindow {
  readonly #acknowledge: (seq: number) => Promise<unknown>
  /** The last handled event. */
  #handledSeq = -1
  /** The last event whose acknowledgement succeeded. */
  #ackedSeq = -1
  #unackedBytes = 0
  #unackedMessages = 0
  /** Failures in a row. */
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | null = null
  #isClosed = false

  constructor(acknowledge: (seq: number) => Promise<unknown>) {
    this.#acknowledge = acknowledge
  }

  /** Records a handled message of `bytes` bytes whose last event is `seq`. */
  handled(seq: number, bytes: number): void {
    this.#handledSeq = seq
    this.#unackedBytes += bytes
    this.#unackedMessages++
    if (this.#unackedBytes >= ACK_BYTES || this.#unackedMessages >= ACK_MESSAGES) this.#sendAck()
    else this.#timer ??= setTimeout(() => this.#sendAck(), ACK_DELAY)
  }

  /** Stops all acknowledgements: the attachment has ended. */
  close(): void {
    this.#isClosed = true
    this.#stopTimer()
  }

  #sendAck(): void {
    this.#stopTimer()
    this.#unackedBytes = 0
    this.#unackedMessages = 0
    const seq = this.#handledSeq
    const timeout = setTimeout(() => this.#failed(seq), ACK_TIMEOUT)
    this.#acknowledge(seq).then(
      () => {
        clearTimeout(timeout)
        this.#ackedSeq = Math.max(this.#ackedSeq, seq)
        this.#failures = 0
      },
      (thrown: unknown) => {
        clearTimeout(timeout)
        if (isTransient(thrown)) this.#failed(seq)
        else if (!this.#isClosed) report(thrown)
      },
    )
  }

  /** Retries on a timer: while the window is full, no message arrives that could trigger a retry. */
  #failed(seq: number): void {
    // Acknowledgements are cumulative, so a later one covers this.
    if (this.#isClosed || seq <= this.#ackedSeq) return
    // The next message triggers an acknowledgement at once.
    this.#unackedMessages = ACK_MESSAGES
    this.#stopTimer()
    this.#timer = setTimeout(() => this.#sendAck(), backOff(++this.#failures))
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
