/** Who speaks RPC with the present generation of a process, and what waits for the first of them. */
import { exitOf, startedAnew, type End } from './end.ts'
import { safely } from './error.ts'
import type { ProcessEvent } from './event.ts'
import { Retained } from './retained.ts'

/** One RPC connection. */
export interface Party {
  /** A line of stdout that looks like a frame. */
  line(text: string): void
  /** Nothing more comes: the process, or this generation of it, is over. */
  ended(end: End): void
}

export class Parties {
  readonly #name: string
  #generation = 0
  /** The first event that is for this page; the ones before it were handled, or are not its own. */
  #start = 0
  /** By the generation that each speaks with: the present one, or one that is known of and not heard yet. */
  readonly #members = new Map<Party, number>()
  #end: End | null = null
  /** Frames that nobody has taken yet; `null` as soon as somebody has. */
  #waiting: Retained | null = new Retained()

  constructor(name: string) {
    this.#name = name
  }

  get generation(): number {
    return this.#generation
  }

  /** Another generation: what speaks with a former one does not speak with this one. */
  begin(generation: number, start: number): void {
    this.#endUpTo(generation - 1, startedAnew(this.#name))
    this.#generation = generation
    this.#start = start
    this.#end = null
    const isJoined = [...this.#members.values()].includes(generation)
    this.#waiting = isJoined ? null : new Retained()
  }

  /**
   * Takes the frames of a generation that wait, if it is the first, and all that come. The generation is the
   * present one or a later one.
   */
  join(party: Party, generation: number): void {
    this.#members.set(party, generation)
    if (generation !== this.#generation) return
    const waiting = this.#waiting
    this.#waiting = null
    for (const event of waiting?.toArray() ?? []) this.#deliver(event, party)
    if (this.#end) this.#endUpTo(generation, this.#end)
  }

  leave(party: Party): void {
    this.#members.delete(party)
  }

  handle(event: ProcessEvent): void {
    if (event.generation !== this.#generation) return
    if (event.kind === 'exit') {
      this.#end = exitOf(this.#name, event.reason, event.code)
      this.#endUpTo(event.generation, this.#end)
    }
    if (!isFrame(event) || (event.seq ?? 0) < this.#start) return
    this.#waiting?.push(event)
    for (const [party, generation] of [...this.#members]) {
      if (generation === event.generation) this.#deliver(event, party)
    }
  }

  /** The process was removed, whose last generation this was; `Infinity` if none follows. */
  end(last: number, end: End): void {
    this.#end = end
    this.#endUpTo(last, end)
  }

  #endUpTo(last: number, end: End): void {
    for (const [party, generation] of [...this.#members]) {
      if (generation > last) continue
      this.#members.delete(party)
      safely(() => party.ended(end))
    }
  }

  /** The last event that needs not be heard again by another page, given the last one handled here. */
  handledUntil(last: number): number {
    const [first] = this.#waiting?.toArray() ?? []
    return first?.seq != null ? first.seq - 1 : Math.max(last, this.#start - 1)
  }

  /** Whether frames of this generation would still wait for the first who asks. */
  get isUntouched(): boolean {
    return this.#waiting !== null
  }

  #deliver(event: ProcessEvent, party: Party): void {
    if (isFrame(event)) safely(() => party.line(event.data))
  }
}

/** Frames are JSON objects; everything else on stdout is for people. */
function isFrame(event: ProcessEvent): event is ProcessEvent & { kind: 'stdout'; data: string } {
  if (event.kind !== 'stdout' || event.partial) return false
  return typeof event.data === 'string' && event.data[0] === '{'
}
