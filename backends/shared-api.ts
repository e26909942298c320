// The types a page and its backends share. Nothing here exists at run time.

/** Where a backend runs. `pid` is the host app's own in the embedded engine: it has no process of its own. */
export interface SystemInfo {
  runtime: 'embedded' | 'deno' | 'bun' | 'node'
  version: string
  pid: number
  platform: string
  arch: string
}

/** What every backend in this folder answers to. */
export interface BackendApi {
  add(a: number, b: number): Promise<number>
  echo(message: string): Promise<string>
  getSystemInfo(): Promise<SystemInfo>
}

/** What `worker.ts` offers on top, to show and to test how a backend behaves. */
export interface WorkerApi extends BackendApi {
  /** Rejects with `message`. */
  fail(message: string): Promise<never>
  /** Calls `onTick` with 1 to `n`, then answers `n`. */
  count(n: number, onTick: (tick: number) => void): Promise<number>
  /** Answers after `ms` milliseconds. */
  sleep(ms: number): Promise<void>
  /** Memory in bytes as far as the runtime tells: the heap in use, and the whole process (`rss`). */
  memory(): Promise<{ heapUsed: number; rss: number }>
  /** Ends the backend with `code`; so there is no answer. */
  exit(code: number): Promise<never>
}
