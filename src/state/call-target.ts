// The part of a process that faults and playground use.
import type { ProcessInfo, Remote } from 'tauri-plugin-js-api'
import type { WorkerApi } from '../../backends/shared-api.ts'

/** The demo worker as the page sees it. */
export type RemoteWorker = Remote<WorkerApi>

export interface CallTarget {
  readonly info: ProcessInfo
  readonly exited: boolean
  /** Calls the backend. Rejects when its generation ends. */
  call<T>(invoke: (api: RemoteWorker) => Promise<T>): Promise<T>
  /** Adds a round trip in milliseconds to the list of latencies. */
  addLatency(sample: number): void
  /** Adds a permission error to the console. */
  addDenial(message: string): void
}
