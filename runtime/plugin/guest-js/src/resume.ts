/**
 * How far this window has got with each process, over reloads of its page: RPC frames after that are
 * for the next page, those before were handled.
 */

/** A place in the history of a process. */
export interface Position {
  generation: number
  /** The last event that needs not come again; -1 if all may. */
  seq: number
  /** Tells a process from a later one of its name that counts anew. */
  startedAt: number | null
}

const KEY = 'tauri-plugin-js-api'

/** Most processes that are remembered; of those before them a page begins with what comes. */
const MOST = 1_000

let positions: Map<string, Position> | null = null

/** Where to go on with this process; answers once. */
export function takePosition(name: string): Position | null {
  positions ??= load()
  const position = positions.get(name) ?? null
  positions.delete(name)
  return position
}

/** Remembers where to go on, or that there is nothing to go on with. */
export function keepPosition(name: string, position: Position | null): void {
  positions ??= load()
  positions.delete(name)
  if (!position) return
  positions.set(name, position)
  if (positions.size <= MOST) return
  const [oldest] = positions.keys()
  positions.delete(oldest!)
}

/** Carries everything that was remembered over to the next page. */
export function savePositions(): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...(positions ?? load())]))
  } catch {
    // A page without storage begins with what comes from now on.
  }
}

function load(): Map<string, Position> {
  try {
    const entries: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '[]')
    // Taken once: an older page's word must not outlive a newer one.
    sessionStorage.removeItem(KEY)
    return new Map((entries as [string, Position][]).filter(isEntry))
  } catch {
    return new Map()
  }
}

function isEntry(entry: unknown): boolean {
  if (!Array.isArray(entry) || typeof entry[0] !== 'string') return false
  const { generation, seq } = (entry[1] ?? {}) as Partial<Position>
  return Number.isSafeInteger(generation) && Number.isSafeInteger(seq)
}
