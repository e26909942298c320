/**
 * The position of this window in the history of each process. It survives reloads in `sessionStorage`, so the
 * next page receives the RPC frames that this one did not handle.
 */

export interface Position {
  generation: number
  /** The last event that must not be delivered again; -1 for none. */
  seq: number
  /** Distinguishes a process from a later one of the same name. */
  startedAt: number | null
}

const STORAGE_KEY = 'tauri-plugin-js-api'

/** Stored processes. Without a position, a page starts with new events. */
const MAX_POSITIONS = 1_000

let positions: Map<string, Position> | null = null

/** Returns the stored position of a process and removes it. */
export function takePosition(name: string): Position | null {
  positions ??= load()
  const position = positions.get(name) ?? null
  positions.delete(name)
  return position
}

/** Stores the position of a process; `null` removes it. */
export function storePosition(name: string, position: Position | null): void {
  positions ??= load()
  positions.delete(name)
  if (!position) return
  positions.set(name, position)
  if (positions.size <= MAX_POSITIONS) return
  const [oldest] = positions.keys()
  positions.delete(oldest!)
}

/** Saves all positions for the next page. */
export function savePositions(): void {
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify([...(positions ?? load())]))
  } catch {
    // Without storage, the next page starts with new events.
  }
}

function load(): Map<string, Position> {
  try {
    const entries: unknown = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? '[]')
    // Removed so that a page that ends without `pagehide` leaves no outdated position.
    sessionStorage.removeItem(STORAGE_KEY)
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
