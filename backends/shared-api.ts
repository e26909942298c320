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

/** What `worker.ts` offers on top, to show and to test what a backend can do. */
export interface WorkerApi extends BackendApi, FaultApi {
  /** Calls `onTick` with 1 to `n`, then answers `n`. */
  count(n: number, onTick: (tick: number) => void): Promise<number>
  /** Calls `onItem` with 1 to `n`, one every `intervalMs` milliseconds, then answers `n`. */
  stream(n: number, intervalMs: number, onItem: (item: number) => void): Promise<number>
  /** The same bytes in reverse order. */
  bytes(data: Uint8Array): Promise<Uint8Array>
  /** Answers after `ms` milliseconds. */
  sleep(ms: number): Promise<void>
  /** Memory in bytes as far as the runtime tells: the heap in use, and the whole process (`rss`). */
  memory(): Promise<{ heapUsed: number; rss: number }>
  /** The text of a file. Rejects where the backend has no permission to read it. */
  readFile(path: string): Promise<string>
  /** What an address answers to GET. Rejects where the backend has no permission to connect. */
  fetchText(url: string): Promise<string>
  /** An environment variable, null where it is not set, or not granted. On Deno it rejects without the permission. */
  env(name: string): Promise<string | null>
}

/** How `worker.ts` fails when it is told to. */
export interface FaultApi {
  /** Rejects with `message`. */
  fail(message: string): Promise<never>
  /** Answers; right after that, the backend ends with an error that nobody catches. */
  crash(): Promise<void>
  /** Answers; `ms` milliseconds later, the backend ends with a rejection that nobody handles. */
  throwLater(ms: number): Promise<void>
  /** Never answers, nor does anything else from here on: an endless loop. */
  loop(): Promise<never>
  /** Fills the heap until the backend ends at its limit; rejects where 1 GB does not reach one. */
  allocate(): Promise<never>
  /** Writes that many lines of log to stderr, or lines that are no frames to stdout; answers the number. */
  flood(lines: number, stream?: 'stderr' | 'stdout'): Promise<number>
  /** Ends the backend with `code`; so there is no answer. */
  exit(code: number): Promise<never>
  /** Ends the backend the hard way, `process.abort()`; so there is no answer. */
  abort(): Promise<never>
}
