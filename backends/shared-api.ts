// Types shared by the page, the backends and, as serde types in src-tauri/src/rust_calls.rs, the app's Rust code.

/** The runtime of a backend. On the embedded engine, `pid` is the process of the app. */
export interface SystemInfo {
  runtime: 'embedded' | 'deno' | 'bun' | 'node'
  version: string
  pid: number
  platform: string
  arch: string
}

/** The API of every backend in this folder. */
export interface BackendApi {
  add(a: number, b: number): Promise<number>
  echo(message: string): Promise<string>
  getSystemInfo(): Promise<SystemInfo>
}

/** The app, as its Rust code knows it. */
export interface AppInfo {
  name: string
  version: string
  identifier: string
  /** The version of Tauri. */
  tauri: string
}

/** The functions that the app's Rust code offers to backends. */
export interface HostApi {
  appInfo(): Promise<AppInfo>
}

/** A count of primes: `found` of them are below `checked`. */
export interface PrimeCount {
  checked: number
  found: number
}

/** The API of `worker.ts`. */
export interface WorkerApi extends BackendApi, FaultApi {
  /** Calls the app's Rust code. Rejects if nothing offers `appInfo`. */
  appInfo(): Promise<AppInfo>
  /** Counts the primes below `limit`: yields intermediate counts, and the result as the last item. */
  countPrimes(limit: number): AsyncIterable<PrimeCount>
  /** Calls `onTick` with 1 to `n`, then resolves with `n`. */
  count(n: number, onTick: (tick: number) => void): Promise<number>
  /** Calls `onItem` with 1 to `n` at an interval of `intervalMs` milliseconds, then resolves with `n`. */
  stream(n: number, intervalMs: number, onItem: (item: number) => void): Promise<number>
  /** Resolves with the bytes in reverse order. */
  bytes(data: Uint8Array): Promise<Uint8Array>
  /** Resolves after `ms` milliseconds. */
  sleep(ms: number): Promise<void>
  /** Memory in bytes as the runtime reports it: the used heap, and the resident set of the process (`rss`). */
  memory(): Promise<{ heapUsed: number; rss: number }>
  /** Reads a UTF-8 file. Rejects without the permission to read it. */
  readFile(path: string): Promise<string>
  /** The body of a GET response. Rejects on an error status, and without the permission to connect. */
  fetchText(url: string): Promise<string>
  /** An environment variable, null if it is not set or not granted. On Deno it rejects without the permission. */
  env(name: string): Promise<string | null>
}

/** Faults of `worker.ts` on request. */
export interface FaultApi {
  /** Rejects with `message`. */
  fail(message: string): Promise<never>
  /** Resolves. Ten milliseconds later an uncaught error ends the backend. */
  crash(): Promise<void>
  /** Resolves. `ms` milliseconds later an unhandled rejection ends the backend. */
  throwLater(ms: number): Promise<void>
  /** Blocks the event loop forever. Never resolves. */
  loop(): Promise<never>
  /** Fills the heap until a limit ends the backend. Rejects at 1 GB. */
  allocate(): Promise<never>
  /** Writes `lines` lines that are not frames; `stream` defaults to stderr. Resolves with the number of lines. */
  flood(lines: number, stream?: 'stderr' | 'stdout'): Promise<number>
  /** Exits with `code`. Never resolves. */
  exit(code: number): Promise<never>
  /** Calls `process.abort()`. Never resolves. */
  abort(): Promise<never>
}
