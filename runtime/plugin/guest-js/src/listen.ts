/** Hearing what a process says and what happens to it. */
import type { State } from './bindings/index.ts'
import { safely } from './error.ts'
import { stateOf, type ProcessEvent } from './event.ts'
import type { ProcessStream } from './stream.ts'
import { acquire, release } from './streams.ts'

/** Ends what a listener was registered for. Calling it again does nothing. */
export type UnlistenFn = () => void

async function listen(
  name: string,
  begin: (stream: ProcessStream) => (event: ProcessEvent) => void,
  withHistory = true,
): Promise<UnlistenFn> {
  const stream = await acquire(name)
  const hear = begin(stream)
  stream.listen(hear, withHistory)
  let listens = true
  return () => {
    if (!listens) return
    listens = false
    stream.unlisten(hear)
    release(stream)
  }
}

/**
 * Hears everything of a process: output, states, exits, and what was dropped, in order.
 *
 * Like all listeners here it begins with what is still known (at least the last 2 000 events or 1 MiB
 * of output, whichever is less), goes on over restarts, and ends when the process is
 * {@link remove}d. What it throws is reported and does no harm.
 *
 * @param name - A process that has been started.
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * await onEvent('math', (event) => {
 *   if (event.kind === 'dropped') console.warn(`${event.events} events are lost`)
 * })
 * ```
 */
export const onEvent = (name: string, callback: (event: ProcessEvent) => void) =>
  listen(name, () => callback)

/**
 * Hears the lines that a process writes to stdout, without their ends. RPC frames are among them.
 *
 * @param callback - With `framing: 'bytes'` it gets text as it comes, decoded as UTF-8. A prompt, or progress
 *   drawn with carriage returns, comes before its line ends; {@link onEvent} tells it by `partial`.
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * const unlisten = await onStdout('tool', (line) => console.log(line))
 * ```
 */
export const onStdout = (name: string, callback: (line: string) => void) =>
  listen(name, () => hearing('stdout', callback))

/**
 * Hears the lines that a process writes to stderr, without their ends: its log.
 *
 * @param callback - With `framing: 'bytes'` it gets text as it comes, decoded as UTF-8. A prompt, or progress
 *   drawn with carriage returns, comes before its line ends; {@link onEvent} tells it by `partial`.
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * const unlisten = await onStderr('math', (line) => console.warn(line))
 * ```
 */
export const onStderr = (name: string, callback: (line: string) => void) =>
  listen(name, () => hearing('stderr', callback))

/**
 * Hears that a process has ended, after its last output: once for each start. One that has already
 * ended is told at once.
 *
 * @param callback - Gets the exit code; `null` when a signal or a kill ended it.
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * await onExit('math', (code) => console.log(`math exited with ${code}`))
 * ```
 */
export const onExit = (name: string, callback: (code: number | null) => void) =>
  listen(name, (stream) => (event) => {
    // Former starts are history.
    if (event.kind === 'exit' && event.generation >= stream.generation) callback(event.code)
  })

/**
 * Hears the state that a process is in, at once, and every later one.
 *
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * await onState('math', (state) => {
 *   if (state.state === 'exited') console.log(state.reason.kind)
 * })
 * ```
 */
export const onState = (name: string, callback: (state: State) => void) =>
  listen(
    name,
    (stream) => {
      let told = ''
      const tell = (state: State, generation: number) => {
        // The answer to `attach` may tell already what then comes as an event.
        const telling = JSON.stringify([generation, state])
        if (telling !== told) callback(state)
        told = telling
      }
      const { state, generation } = stream
      if (state) safely(tell, state, generation)
      return (event) => {
        const state = stateOf(event)
        if (state && stream.isPresent(event)) tell(state, event.generation)
      }
    },
    false,
  )

function hearing(kind: 'stdout' | 'stderr', callback: (line: string) => void) {
  // A character may begin in one chunk and end in the next.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return (event: ProcessEvent) => {
    if (event.kind !== kind) return
    const { data } = event
    callback(typeof data === 'string' ? data : decoder.decode(data, { stream: true }))
  }
}
