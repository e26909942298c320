/** The one class of errors that this package throws. */

/**
 * What went wrong, for programs to match on.
 *
 * The first group comes from the Rust side, the second mostly from this package: `exited` (the process, or
 * the start of it that a call or write was for, has ended), `closed` (the connection was closed by the page), `timeout`, `overflow` (values came faster
 * than they were consumed), `unknown` (a failure that says no more than its message).
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
 * Every failure of this package. `message` is written for people, `kind` for programs.
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
  /** What went wrong. */
  readonly kind: ErrorKind
  /** The process it is about, where there is one. */
  readonly processName: string | undefined
  /** The start of the process that it is about, where there is one. */
  readonly generation: number | undefined

  constructor(kind: ErrorKind, message: string, processName?: string, generation?: number) {
    super(message)
    this.kind = kind
    this.processName = processName
    this.generation = generation
  }
}

/**
 * Whatever a command was rejected with as a {@link JsRuntimeError}. Tauri's own refusals are plain
 * strings: that the capability lacks a command is by far the most frequent one.
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

/** Calls code of the application: what it throws is reported, and breaks nothing else. */
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

/** Tells the developer about an error that nobody can catch. */
export function report(error: unknown): void {
  if (typeof reportError === 'function') reportError(error)
  else console.error(error)
}
