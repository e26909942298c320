/** The RPC connections of this page to one process, and the frames that wait for the first of them. */
import { exitEnd, restartedEnd, type ConnectionEnd } from './connection-end.ts'
import { safely } from './error.ts'
import { EventHistory } from './event-history.ts'
import type { ProcessEvent } from './event.ts'

/** One RPC connection. */
export interface RpcSubscriber {
  /** Receives a line of stdout that looks like a frame. */
  line(text: string): void
  /** Called once when the connection's generation has ended. */
  ended(end: ConnectionEnd): void
}

export class RpcSubscribers {
  readonly #name: string
  #generation = 0
  /** Frames before this event were handled by an earlier page, or belong to another one. */
  #startSeq = 0
  /** The generation of each connection: the current one, or one whose events have not arrived yet. */
  readonly #subscribers = new Map<RpcSubscriber, number>()
  #end: ConnectionEnd | null = null
  /** Frames without a subscriber; `null` once the generation has had one. */
  #unclaimed: EventHistory | null = new EventHistory()

  constructor(name: string) {
    this.#name = name
  }

  get generation(): number {
    return this.#generation
  }

  /** Ends the connections to earlier generations. */
  startGeneration(generation: number, startSeq: number): void {
    this.#notifyEnd(generation - 1, restartedEnd(this.#name))
    this.#generation = generation
    this.#startSeq = startSeq
    this.#end = null
    const hasSubscriber = [...this.#subscribers.values()].includes(generation)
    this.#unclaimed = hasSubscriber ? null : new EventHistory()
  }

  /**
   * Adds a connection to the current generation or to a later one. The first connection to the current
   * generation receives the unclaimed frames.
   */
  add(subscriber: RpcSubscriber, generation: number): void {
    this.#subscribers.set(subscriber, generation)
    if (generation !== this.#generation) return
    const unclaimed = this.#unclaimed
    this.#unclaimed = null
    for (const event of unclaimed?.toArray() ?? []) deliver(event, subscriber)
    if (this.#end) this.#notifyEnd(generation, this.#end)
  }

  remove(subscriber: RpcSubscriber): void {
    this.#subscribers.delete(subscriber)
  }

  handle(event: ProcessEvent): void {
    if (event.generation !== this.#generation) return
    if (event.kind === 'exit') {
      this.endUpTo(event.generation, exitEnd(this.#name, event.reason, event.code))
    }
    if (!isFrame(event) || (event.seq ?? 0) < this.#startSeq) return
    this.#unclaimed?.push(event)
    for (const [subscriber, generation] of [...this.#subscribers]) {
      if (generation === event.generation) deliver(event, subscriber)
    }
  }

  /** Ends the connections to all generations up to `last`. */
  endUpTo(last: number, end: ConnectionEnd): void {
    this.#end = end
    this.#notifyEnd(last, end)
  }

  #notifyEnd(last: number, end: ConnectionEnd): void {
    for (const [subscriber, generation] of [...this.#subscribers]) {
      if (generation > last) continue
      this.#subscribers.delete(subscriber)
      safely(() => subscriber.ended(end))
    }
  }

  /** The last event that the next page must not receive again, if this page has handled all up to `last`. */
  resumeSeq(last: number): number {
    const [first] = this.#unclaimed?.toArray() ?? []
    return first?.seq != null ? first.seq - 1 : Math.max(last, this.#startSeq - 1)
  }

  /** True while no connection has received the frames of the current generation. */
  get isUnclaimed(): boolean {
    return this.#unclaimed !== null
  }
}

function deliver(event: ProcessEvent, subscriber: RpcSubscriber): void {
  if (isFrame(event)) safely(() => subscriber.line(event.data))
}

/** Frames are JSON objects on one line. */
function isFrame(event: ProcessEvent): event is ProcessEvent & { kind: 'stdout'; data: string } {
  if (event.kind !== 'stdout' || event.partial) return false
  return typeof event.data === 'string' && event.data[0] === '{'
}
