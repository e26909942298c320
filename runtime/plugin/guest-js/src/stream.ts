/**
 * One process as this page hears it: one attachment, from which every listener and every RPC
 * connection of the page is served.
 */
import { Channel } from '@tauri-apps/api/core'
import { parseBatch, textOf, type BatchMessage } from './batch.ts'
import type { State } from './bindings/index.ts'
import type { Attached } from './bindings/plugin/index.ts'
import { call, dropChannel, uniqueId } from './call.ts'
import { Credit } from './credit.ts'
import { endWithout, exitOf, startedAnew } from './end.ts'
import { JsRuntimeError, report, safely } from './error.ts'
import { stateOf, type ProcessEvent } from './event.ts'
import { Parties, type Party } from './parties.ts'
import { keepPosition, takePosition, type Position } from './resume.ts'
import { Retained } from './retained.ts'
import { insist, persist } from './retry.ts'
import { dropWriter, failWrites } from './writer.ts'

declare global {
  interface Window {
    /** What Tauri's WebView has on every page, and no other browser. */
    ipc?: object
  }
}

/** Whether Rust can evaluate messages here: not on a page that has been given another IPC. */
const isInWebView = (): boolean => window.ipc !== undefined

type Hear = (event: ProcessEvent) => void

export class ProcessStream {
  readonly name: string
  /** Settles with the answer to the last attempt to attach. */
  attached: Promise<void>
  /** The state that the process is in, as far as is known; `null` until it is attached. */
  state: State | null = null
  /** The first event that is not history. */
  #presentFrom = 0
  #startedAt: number | null = null
  readonly #forget: () => void
  readonly #parties: Parties
  #history = new Retained()
  readonly #listeners = new Set<Hear>()
  /** The latest generation that is known of, which may have to be heard of yet. */
  #known = 0
  /** What tells the present attachment from former ones; empty when there is none. */
  #attachment = ''
  #credit: Credit | null = null
  /** Where a former page of the window stopped, until it is known whether that still holds. */
  #former: Position | null = null
  /** The number that the next event should have; `null` before the first. */
  #next: number | null = null
  #mayMiss = true
  #isDetached = false

  constructor(name: string, forget: () => void) {
    this.name = name
    this.#forget = forget
    this.#parties = new Parties(name)
    this.attached = this.#attach()
  }

  get generation(): number {
    return this.#parties.generation
  }

  /** Hears what is retained, at once, and all that comes. */
  listen(hear: Hear, withHistory: boolean): void {
    for (const event of withHistory ? this.#history.toArray() : []) safely(hear, event)
    this.#listeners.add(hear)
  }

  /** Hears no more. */
  unlisten(hear: Hear): void {
    this.#listeners.delete(hear)
  }

  /** The latest generation that is known of, which may have to be heard of yet; 0 for none. */
  get latest(): number {
    return Math.max(this.#known, this.generation)
  }

  /** Speaks RPC with the latest generation, which is returned. */
  join(party: Party): number {
    const generation = this.latest
    this.#parties.join(party, generation)
    return generation
  }

  /** Speaks no more. */
  leave(party: Party): void {
    this.#parties.leave(party)
  }

  /** A command has told of a generation, before the events do. */
  tell(generation: number): void {
    this.#known = Math.max(this.#known, generation)
  }

  /** Whether it happened after what {@link state} says, or is that. */
  isPresent({ seq }: ProcessEvent): boolean {
    return seq !== null && seq >= this.#presentFrom
  }

  /** Nobody needs it any more. */
  detach(): void {
    const attachment = this.#attachment
    this.#isDetached = true
    this.#endAttachment()
    // What nobody has asked for yet is still there for whoever attaches next.
    keepPosition(this.name, this.#parties.isUntouched ? this.#position() : null)
    dropWriter(this.name)
    void persist(() => call('detach', { name: this.name, attachment }))
  }

  /** The page is being left: nothing is handled any more. */
  suspend(): void {
    this.#endAttachment()
    keepPosition(this.name, this.#position())
  }

  /** The page is back as it was left. */
  resume(): Promise<void> {
    return (this.attached = this.#attach())
  }

  async #attach(): Promise<void> {
    const { name } = this
    this.#endAttachment()
    const attachment = (this.#attachment = uniqueId())
    this.#former = takePosition(name)
    const credit = new Credit((seq) => call('ack', { name, attachment, seq }))
    this.#credit = credit
    // What comes before the answer can only be judged with it.
    let early: BatchMessage[] | null = []
    const hear = (message: BatchMessage) => {
      if (this.#attachment !== attachment) return
      if (early) early.push(message)
      else this.#receive(message, credit)
    }
    const channel = new Channel(hear)
    // In place of the other, where large messages are better evaluated than fetched.
    const evaluated = isInWebView() ? new Channel(hear) : null
    const reply = await call<Attached>('attach', {
      name,
      channel,
      evaluated: evaluated?.id ?? null,
      attachment,
      after: this.#former && this.#former.seq >= 0 ? this.#former.seq : null,
    }).catch((error: unknown) => {
      for (const unused of [channel, evaluated]) if (unused) dropChannel(unused)
      throw error
    })
    if (this.#attachment !== attachment) return
    this.#begin(reply)
    const waiting = early
    early = null
    for (const message of waiting) this.#receive(message, credit)
  }

  #begin({ process, next, fresh }: Attached): void {
    this.#mayMiss = true
    this.state = process.state
    this.#presentFrom = next
    const former = this.#former
    this.#former = null
    const { generation, startedAt } = process
    if (this.generation === generation) return
    this.#startedAt = startedAt
    const holds =
      former?.generation === generation &&
      former.seq < next &&
      (former.startedAt === null || startedAt === null || former.startedAt === startedAt)
    this.#enter(generation, holds ? former.seq + 1 : fresh ? 0 : next)
  }

  #enter(generation: number, start: number): void {
    // What was written before any generation was known of is for the one that it meets.
    const isFirst = this.generation === 0
    this.#parties.begin(generation, start)
    if (!isFirst) failWrites(this.name, generation - 1, startedAnew(this.name).error)
  }

  #receive(message: BatchMessage, credit: Credit): void {
    const text = textOf(message)
    const { events, last, removed } = parseBatch(text)
    for (const event of events) this.#handle(event)
    if (last !== null) credit.handled(last, text.length)
    if (removed) this.#removed()
  }

  #handle(event: ProcessEvent): void {
    if (!this.#isNext(event)) return
    if (event.generation > this.generation) {
      this.#enter(event.generation, 0)
      this.#startedAt = null
    }
    if (event.generation === this.generation) this.#follow(event)
    this.#history.push(event)
    for (const hear of [...this.#listeners]) safely(hear, event)
    this.#parties.handle(event)
  }

  #follow(event: ProcessEvent): void {
    const state = stateOf(event)
    if (state && this.isPresent(event)) this.state = state
    if (event.kind === 'exit') {
      const { error } = exitOf(this.name, event.reason, event.code)
      failWrites(this.name, event.generation, error)
    }
  }

  /** Whether it is to be handled: events come in order, and some come twice. */
  #isNext({ seq }: ProcessEvent): boolean {
    if (seq === null) {
      this.#mayMiss = true
      return true
    }
    const next = this.#next ?? seq
    if (seq < next) return false
    if (seq > next && !this.#mayMiss) {
      const message = `events ${next} to ${seq - 1} of process "${this.name}" did not arrive`
      report(new JsRuntimeError('unknown', message, this.name))
    }
    this.#next = seq + 1
    this.#mayMiss = false
    return true
  }

  #removed(mayBeAnew = true): void {
    this.#endAttachment()
    keepPosition(this.name, null)
    const end = endWithout(this.name, 'was removed')
    // A command may have told of a process that has taken the name since.
    const isTakenAnew = mayBeAnew && this.#known > this.generation
    const last = isTakenAnew ? this.generation : Infinity
    this.#parties.end(last, end)
    failWrites(this.name, last, end.error)
    if (isTakenAnew) return this.#attachAnew()
    dropWriter(this.name)
    this.#listeners.clear()
    this.#forget()
  }

  /** Attaches to the process that has the name now, whose events are counted anew. */
  #attachAnew(): void {
    this.#next = null
    this.#history = new Retained()
    const attach = () => (this.#isDetached ? Promise.resolve() : this.resume())
    insist(attach).catch(() => this.#removed(false))
  }

  #endAttachment(): void {
    this.#attachment = ''
    this.#credit?.close()
    this.#credit = null
  }

  #position(): Position | null {
    if (this.generation === 0) return this.#former
    const seq = this.#parties.handledUntil((this.#next ?? 0) - 1)
    return { generation: this.generation, seq, startedAt: this.#startedAt }
  }
}
