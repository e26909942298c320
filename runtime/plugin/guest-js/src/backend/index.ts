/**
 * The backend's side: `serve(api)` answers calls of windows and of the app's Rust code.
 *
 * The module runs unchanged on the embedded engine, Deno, Bun and Node, and needs nothing of Tauri.
 *
 * @example
 * ```ts
 * import { serve } from 'tauri-plugin-js-api/backend'
 *
 * const api = { add: (a: number, b: number) => a + b }
 * export type MathApi = typeof api
 * serve(api)
 * ```
 *
 * @module
 */
import { usableTimeout } from '../pending-requests.ts'
import { Endpoint } from '../rpc/endpoint.ts'
import { remote } from '../rpc/remote.ts'
import type { Remote } from '../rpc/types.ts'
import { standardLines } from './lines.ts'

export { get, set, withCallOptions } from '../rpc/remote.ts'
export type { CallOptions } from '../rpc/pending-calls.ts'
export type { Remote, RemoteFunction, RemoteProperty } from '../rpc/types.ts'
export { JsRuntimeError, type ErrorKind } from '../error.ts'

/** How {@link serve} works. */
export interface ServeOptions {
  /**
   * Runs when stdin has ended and all calls are answered, before the process exits: to save and to close. The process has
   * `limits.killGraceMs` (500 ms by default) for it when it is killed.
   */
  onClose?: () => unknown
  /**
   * Milliseconds after the end of stdin for calls that have not returned, and then again for `onClose` and for output
   * that is not read; 0 for no limit. **Default:** 10 000.
   */
  closeTimeout?: number
  /**
   * Whether `console.log` and the other methods that print to stdout print to stderr instead. stdout
   * carries frames. **Default:** true.
   */
  consoleToStderr?: boolean
}

/** What {@link serve} returns. */
export interface Served<Page extends object> {
  /**
   * The functions that windows and Rust code offer. A call goes to the window that connected last among those
   * that offer the function; if no window offers it, to Rust. A call without an answer stays pending: `withCallOptions` sets a
   * time-out.
   */
  remote: Remote<Page>
  /** Resolves after `onClose`. */
  closed: Promise<void>
}

/**
 * Answers calls to `api` on stdin and stdout. When stdin ends, the process exits as soon as the calls that run have
 * been answered, or after `closeTimeout`. Pending calls to `remote` reject then, and streams end.
 *
 * @typeParam Page - What windows and Rust code offer to this backend.
 * @param api - The functions. They may be nested in objects, or be methods of a class instance. A function
 * may return a value, a promise, or an async iterable.
 * @throws `Error` if it is called twice: a process has one stdin.
 */
export function serve<Page extends object = object>(
  api: object,
  options: ServeOptions = {},
): Served<Page> {
  if (isServing) throw new Error('serve was called already; a process serves one API')
  isServing = true
  if (options.consoleToStderr ?? true) moveConsole()
  const lines = standardLines()
  let batch: string[] = []
  const flush = () => {
    const ready = batch
    batch = []
    lines.write(ready)
  }
  const endpoint = new Endpoint({
    api,
    // `reportError` ends a Deno program.
    report: (error) => console.error(error),
    // Answers that are ready at the same time are written together.
    send: (line) => {
      if (batch.push(line) === 1) queueMicrotask(flush)
    },
  })
  const receive = (received: string[]) => {
    for (const line of received) endpoint.receive(line)
  }
  const closed = lines
    .read(receive)
    .catch(console.error)
    .then(async () => {
      const { onClose, closeTimeout = CLOSE_TIMEOUT_MS } = options
      await within(closeTimeout, endpoint.finish(new Error('stdin has ended')))
      await within(closeTimeout, (async () => onClose?.())())
      await within(closeTimeout, lines.flushed())
    })
  void closed.then(exit)
  return { remote: remote<Page>((request, call) => endpoint.call(request, call)), closed }
}

let isServing = false

/** The default of {@link ServeOptions.closeTimeout}. */
const CLOSE_TIMEOUT_MS = 10_000

/** Waits for work that may never end. Reports its errors. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const done = work.then(() => {}, console.error)
  const limit = usableTimeout(ms)
  if (limit === 0) return done
  let timer: ReturnType<typeof setTimeout> | undefined
  const expired = new Promise<void>((resolve) => (timer = setTimeout(resolve, limit)))
  await Promise.race([done, expired])
  clearTimeout(timer)
}

/** The methods of `console` that print to stdout. */
const TO_STDOUT = [
  'log',
  'info',
  'debug',
  'dir',
  'dirxml',
  'table',
  'group',
  'groupCollapsed',
  'count',
  'timeEnd',
  'timeLog',
] as const

function moveConsole(): void {
  const { error } = console
  for (const method of TO_STDOUT) console[method] = error
}

function exit(): void {
  const { process } = globalThis as { process?: { exit(): void } }
  process?.exit()
}
