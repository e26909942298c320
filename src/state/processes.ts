// The list of processes, built from the messages of the plugin.
import type { ProcessInfo, Usage, WatchMessage } from 'tauri-plugin-js-api'

export interface Listed {
  readonly processes: ReadonlyMap<string, ProcessInfo>
  readonly usage: ReadonlyMap<string, Usage>
}

export const emptyList: Listed = { processes: new Map(), usage: new Map() }

export function reduce(listed: Listed, message: WatchMessage): Listed {
  switch (message.kind) {
    case 'snapshot':
      return {
        processes: new Map(message.processes.map((process) => [process.name, process])),
        usage: listed.usage,
      }
    case 'process': {
      const { process } = message
      // Messages about one name are in order, but the response to a command may overtake them.
      const known = listed.processes.get(process.name)
      if (known && known.generation > process.generation) return listed
      const processes = new Map(listed.processes).set(process.name, process)
      const ended = process.state.state === 'exited'
      return { processes, usage: ended ? without(listed.usage, process.name) : listed.usage }
    }
    case 'removed':
      return {
        processes: without(listed.processes, message.name),
        usage: without(listed.usage, message.name),
      }
    case 'usage':
      // Replaced, not merged: a process that is no longer measured has no usage.
      return { ...listed, usage: new Map(message.usage.map((usage) => [usage.name, usage])) }
  }
}

function without<V>(map: ReadonlyMap<string, V>, name: string): ReadonlyMap<string, V> {
  if (!map.has(name)) return map
  const rest = new Map(map)
  rest.delete(name)
  return rest
}

export interface Totals {
  live: number
  failed: number
  /** Bytes: the sum of heaps and resident sets. */
  memory: number
}

export function totals(listed: Listed, failed: (process: ProcessInfo) => boolean): Totals {
  const processes = [...listed.processes.values()]
  return {
    live: processes.filter((process) => process.state.state !== 'exited').length,
    failed: processes.filter(failed).length,
    memory: [...listed.usage.values()].reduce((sum, use) => sum + (use.memoryBytes ?? 0), 0),
  }
}
