/** {@link JsRuntimeError}, the only error class of this package, and helpers for errors. */

/**
 * The kind of a {@link JsRuntimeError}, for programs to match on.
 *
 * From the plugin:
 *
 * - `notFound`: no process of this name is listed
 * - `alreadyExists`: the name has a live process
 * - `notRunning`: the process has exited or is stopping
 * - `stillRunning`: only an exited process can be removed
 * - `invalidConfig`: the configuration or an argument is invalid
 * - `startFailed`: the process could not start, or ended before its script ran
 * - `runtimeUnavailable`: the machine or the build does not have the runtime
 * - `path`: a path does not exist or cannot be read
 * - `shutDown`: the app is shutting down
 * - `tooMany`: a limit on the number of processes is reached
 * - `stdinFull`: too many bytes wait for the process to read its stdin
 * - `notAllowed`: the window's capability does not allow it; the message names what to add
 *
 * From the plugin and this package:
 *
 * - `exited`: the process, or the generation that a call or write was for, has ended
 * - `closed`: the page closed the connection
 * - `timeout`: a call was not answered in time
 * - `overflow`: too many values or frames wait for a reader
 * - `unknown`: any other failure, such as a request that did not reach the plugin
 */
export type ErrorKind =
  | 'notFound'
  | 'alreadyExists'
  | 'notRunning'
  | 'stillRunning'
  | 'invalidConfig'
  | 'startFailed'
  | 'runtimeUnavailable'
  | 'path'
  | 'shutDown'
  | 'tooMany'
  | 'stdinFull'
  | 'notAllowed'
  | 'exited'
  | 'closed'
  | 'timeout'
  | 'overflow'
  | 'unknown'

/**
 * The error that every function of this package throws. `message` is for people, `kind` for programs.
 *
 * @example
 * ```ts
 * try {
 *   await spawn('math')
 * } catch (error) {
 *   if (error instanceof JsRuntimeError && error.kind === 'alreadyExists') return
 *   throw error
 * }
 * ```
 */
export class JsRuntimeError extends Error {
  override readonly name = 'JsRuntimeError'
  readonly kind: ErrorKind
  /** The process that the error is about, if any. */
  readonly processName: string | undefined
  /** The generation of the process that the error is about, if any. */
  readonly generation: number | undefined

  constructor(kind: ErrorKind, message: string, processName?: string, generation?: number) {
    super(message)
    this.kind = kind
    this.processName = processName
    this.generation = generation
  }
}

/**
 * Converts the rejection of a command. The plugin rejects with `{ kind, message, … }`, Tauri itself with a
 * string, usually because the capability lacks the command.
 */
export function toError(thrown: unknown, processName?: string): JsRuntimeError {
  if (thrown instanceof JsRuntimeError) return thrown
  if (typeof thrown === 'string') {
    const refused = /not allowed|denied/i.test(thrown)
    return new JsRuntimeError(refused ? 'notAllowed' : 'unknown', thrown, processName)
  }
  const { kind, message, name, generation } = (thrown ?? {}) as Record<string, unknown>
  const text = typeof message === 'string' ? message : String(thrown)
  if (typeof kind !== 'string') return new JsRuntimeError('unknown', text, processName)
  return new JsRuntimeError(
    kind as ErrorKind,
    text,
    typeof name === 'string' ? name : processName,
    typeof generation === 'number' ? generation : undefined,
  )
}

/** Calls a callback of the application and reports its errors. */
export function safely<Args extends unknown[]>(
  callback: (...args: Args) => unknown,
  ...args: Args
) {
  try {
    callback(...args)
  } catch (error) {
    report(error)
  }
}

/** Reports an error that no caller can catch. */
export function report(error: unknown): void {
  if (typeof reportError === 'function') reportError(error)
  else console.error(error)
}
