/** The events of one process: one attachment serves all listeners and RPC connections of the page. */
import { Channel } from '@tauri-apps/api/core'
import { AckWindow } from './ack-window.ts'
import { parseBatch, textOf, type BatchMessage } from './batch.ts'
import type { State } from './bindings/index.ts'
import type { Attached } from './bindings/plugin/index.ts'
import { exitEnd, removedEnd, restartedEnd } from './connection-end.ts'
import { JsRuntimeError, report, safely } from './error.ts'
import { EventHistory } from './event-history.ts'
import { stateOf, type ProcessEvent } from './event.ts'
import { dropChannel, invokeCommand, retryBriefly, retryInBackground, uniqueId } from './invoke.ts'
import { storePosition, takePosition, type Position } from './positions.ts'
import { RpcSubscribers, type RpcSubscriber } from './rpc-subscribers.ts'
import { dropWriter, failWrites } from './writer.ts'

declare global {
  interface Window {
    /** Present on every page of Tauri's WebView, and in no other browser. */
    ipc?: object
  }
}

/** True if Rust can evaluate JavaScript in this page. False for pages that use another IPC. */
const isInWebView = (): boolean => window.ipc !== undefined

export type ProcessListener = (event: ProcessEvent) => void

export class ProcessStream {
  readonly name: string
  /** Settles with the latest attempt to attach. */
  attached: Promise<void>
  /** The latest known state of the process; `null` until the stream is attached. */
  state: State | null = null
  /** The first event that is not history. From the answer to `attach`. */
  #firstNewSeq = 0
  #startedAt: number | null = null
  readonly #onRemoved: () => void
  readonly #subscribers: RpcSubscribers
  #history = new EventHistory()
  readonly #listeners = new Set<ProcessListener>()
  /** The latest generation that a command's answer named. Its events may not have arrived. */
  #announcedGeneration = 0
  /** Id of the current attachment; empty while there is none. */
  #attachment = ''
  #ackWindow: AckWindow | null = null
  /** Position of the window's previous page, until the answer to `attach` confirms or rejects it. */
  #savedPosition: Position | null = null
  /** Sequence number of the next event; `null` before the first. */
  #nextSeq: number | null = null
  /** True where a gap in the sequence numbers is no error. */
  #mayHaveGap = true
  #isDetached = false

  constructor(name: string, onRemoved: () => void) {
    this.name = name
    this.#onRemoved = onRemoved
    this.#subscribers = new RpcSubscribers(name)
    this.attached = this.#attach()
  }

  /** The generation of the latest event; 0 before the first. */
  get generation(): number {
    return this.#subscribers.generation
  }

  /** The latest known generation, whose events may not have arrived; 0 for none. */
  get latestGeneration(): number {
    return Math.max(this.#announcedGeneration, this.generation)
  }

  /** Adds a listener. `withHistory` passes it the stored events first. */
  listen(listener: ProcessListener, withHistory: boolean): void {
    for (const event of withHistory ? this.#history.toArray() : []) safely(listener, event)
    this.#listeners.add(listener)
  }

  unlisten(listener: ProcessListener): void {
    this.#listeners.delete(listener)
  }

  /** Connects to the latest generation and returns it. */
  addSubscriber(subscriber: RpcSubscriber): number {
    const generation = this.latestGeneration
    this.#subscribers.add(subscriber, generation)
    return generation
  }

  removeSubscriber(subscriber: RpcSubscriber): void {
    this.#subscribers.remove(subscriber)
  }

  announceGeneration(generation: number): void {
    this.#announcedGeneration = Math.max(this.#announcedGeneration, generation)
  }

  /** False for events from before the attachment, which the initial {@link state} already covers. */
  isNew({ seq }: ProcessEvent): boolean {
    return seq !== null && seq >= this.#firstNewSeq
  }

  /** Ends the attachment when the stream has no users left. */
  detach(): void {
    const attachment = this.#attachment
    this.#isDetached = true
    this.#endAttachment()
    // The next stream of this process still delivers unclaimed frames.
    storePosition(this.name, this.#subscribers.isUnclaimed ? this.#position() : null)
    dropWriter(this.name)
    void retryInBackground(() => invokeCommand('detach', { name: this.name, attachment }))
  }

  /** Stops handling events when the user leaves the page. */
  suspend(): void {
    this.#endAttachment()
    storePosition(this.name, this.#position())
  }

  /** Attaches again when the page comes back from the back/forward cache. */
  resume(): Promise<void> {
    return (this.attached = this.#attach())
  }

  async #attach(): Promise<void> {
    const { name } = this
    this.#endAttachment()
    const attachment = (this.#attachment = uniqueId())
    this.#savedPosition = takePosition(name)
    const ackWindow = new AckWindow((seq) => invokeCommand('ack', { name, attachment, seq }))
    this.#ackWindow = ackWindow
    // Messages may arrive before the answer to `attach`, which is needed to handle them.
    let early: BatchMessage[] | null = []
    const onMessage = (message: BatchMessage) => {
      if (this.#attachment !== attachment) return
      if (early) early.push(message)
      else this.#receive(message, ackWindow)
    }
    const channel = new Channel(onMessage)
    // The plugin uses this one instead where evaluating large messages is faster than fetching them.
    const evaluated = isInWebView() ? new Channel(onMessage) : null
    const reply = await invokeCommand<Attached>('attach', {
      name,
      channel,
      evaluated: evaluated?.id ?? null,
      attachment,
      after: this.#savedPosition && this.#savedPosition.seq >= 0 ? this.#savedPosition.seq : null,
    }).catch((error: unknown) => {
      for (const unused of [channel, evaluated]) if (unused) dropChannel(unused)
      throw error
    })
    if (this.#attachment !== attachment) return
    this.#handleAttached(reply)
    const messages = early
    early = null
    for (const message of messages) this.#receive(message, ackWindow)
  }

  #handleAttached({ process, next, fresh }: Attached): void {
    this.#mayHaveGap = true
    this.state = process.state
    this.#firstNewSeq = next
    const saved = this.#savedPosition
    this.#savedPosition = null
    const { generation, startedAt } = process
    if (this.generation === generation) return
    this.#startedAt = startedAt
    const isValid =
      saved?.generation === generation &&
      saved.seq < next &&
      (saved.startedAt === null || startedAt === null || saved.startedAt === startedAt)
    this.#startGeneration(generation, isValid ? saved.seq + 1 : fresh ? 0 : next)
  }

  #startGeneration(generation: number, startSeq: number): void {
    // Writes from before the first known generation are for the current one on arrival.
    const isFirst = this.generation === 0
    this.#subscribers.startGeneration(generation, startSeq)
    if (!isFirst) failWrites(this.name, generation - 1, restartedEnd(this.name).error)
  }

  #receive(message: BatchMessage, ackWindow: AckWindow): void {
    const text = textOf(message)
    const { events, last, removed } = parseBatch(text)
    for (const event of events) this.#handle(event)
    if (last !== null) ackWindow.handled(last, text.length)
    if (removed) this.#handleRemoved()
  }

  #handle(event: ProcessEvent): void {
    if (!this.#advance(event)) return
    if (event.generation > this.generation) {
      this.#startGeneration(event.generation, 0)
      this.#startedAt = null
    }
    if (event.generation === this.generation) this.#updateState(event)
    this.#history.push(event)
    for (const listener of [...this.#listeners]) safely(listener, event)
    this.#subscribers.handle(event)
  }

  #updateState(event: ProcessEvent): void {
    const state = stateOf(event)
    if (state && this.isNew(event)) this.state = state
    if (event.kind === 'exit') {
      const { error } = exitEnd(this.name, event.reason, event.code)
      failWrites(this.name, event.generation, error)
    }
  }

  /** Advances the expected sequence number. Returns false for an event that was delivered before. */
  #advance({ seq }: ProcessEvent): boolean {
    if (seq === null) {
      this.#mayHaveGap = true
      return true
    }
    const next = this.#nextSeq ?? seq
    if (seq < next) return false
    if (seq > next && !this.#mayHaveGap) {
      const message = `events ${next} to ${seq - 1} of process "${this.name}" did not arrive`
      report(new JsRuntimeError('unknown', message, this.name))
    }
    this.#nextSeq = seq + 1
    this.#mayHaveGap = false
    return true
  }

  #handleRemoved(mayBeReplaced = true): void {
    this.#endAttachment()
    storePosition(this.name, null)
    const end = removedEnd(this.name)
    // An announced later generation means that another process has taken the name.
    const isReplaced = mayBeReplaced && this.#announcedGeneration > this.generation
    const last = isReplaced ? this.generation : Infinity
    this.#subscribers.endUpTo(last, end)
    failWrites(this.name, last, end.error)
    if (isReplaced) return this.#attachToReplacement()
    dropWriter(this.name)
    this.#listeners.clear()
    this.#onRemoved()
  }

  /** Attaches to the process that has taken the name. Its sequence numbers start again. */
  #attachToReplacement(): void {
    this.#nextSeq = null
    this.#history = new EventHistory()
    const attach = () => (this.#isDetached ? Promise.resolve() : this.resume())
    retryBriefly(attach).catch(() => this.#handleRemoved(false))
  }

  #endAttachment(): void {
    this.#attachment = ''
    this.#ackWindow?.close()
    this.#ackWindow = null
  }

  #position(): Position | null {
    if (this.generation === 0) return this.#savedPosition
    const seq = this.#subscribers.resumeSeq((this.#nextSeq ?? 0) - 1)
    return { generation: this.generation, seq, startedAt: this.#startedAt }
  }
}
