/** Listeners for the events of one process, and for the list of processes. */
import { Channel } from '@tauri-apps/api/core'
import type { State } from './bindings/index.ts'
import type { WatchMessage } from './bindings/plugin/index.ts'
import { safely } from './error.ts'
import { stateOf, type ProcessEvent } from './event.ts'
import { dropChannel, invokeCommand, retryInBackground } from './invoke.ts'
import type { ProcessListener, ProcessStream } from './stream.ts'
import { acquire, release } from './stream-registry.ts'

/** Removes a listener. Further calls do nothing. */
export type UnlistenFn = () => void

async function listen(
  name: string,
  createListener: (stream: ProcessStream) => ProcessListener,
  withHistory = true,
): Promise<UnlistenFn> {
  const stream = await acquire(name)
  const listener = createListener(stream)
  stream.listen(listener, withHistory)
  let isListening = true
  return () => {
    if (!isListening) return
    isListening = false
    stream.unlisten(listener)
    release(stream)
  }
}

/**
 * Registers a listener for all events of a process: output, states, exits and dropped output, in order.
 *
 * Like the other listeners for one process, it starts with stored events (at least the last 2 000, or the last
 * 1 MiB of output if that is less), continues over restarts, and ends when the process is {@link remove}d. An
 * error thrown by the callback goes to `reportError`.
 *
 * @param name - The name of a process that has been started.
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
 * Registers a listener for the lines that a process writes to stdout, without their terminators. RPC frames are
 * among them.
 *
 * @param callback - Receives a prompt, or progress output with carriage returns, before its line is complete;
 * {@link onEvent} marks such parts as `partial`. With `framing: 'bytes'` it receives chunks, decoded as UTF-8.
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * const unlisten = await onStdout('tool', (line) => console.log(line))
 * ```
 */
export const onStdout = (name: string, callback: (line: string) => void) =>
  listen(name, () => outputListener('stdout', callback))

/**
 * Registers a listener for the lines that a process writes to stderr, without their terminators. Backends that
 * use kkrpc log to stderr.
 *
 * @param callback - Receives a prompt, or progress output with carriage returns, before its line is complete;
 * {@link onEvent} marks such parts as `partial`. With `framing: 'bytes'` it receives chunks, decoded as UTF-8.
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * const unlisten = await onStderr('math', (line) => console.warn(line))
 * ```
 */
export const onStderr = (name: string, callback: (line: string) => void) =>
  listen(name, () => outputListener('stderr', callback))

/**
 * Registers a listener for the exits of a process: once per generation, after its last output. If the process has
 * already exited, the listener is called at once.
 *
 * @param callback - Receives the exit code; `null` if a signal or a kill ended the process.
 * @throws `notFound`, `notAllowed`.
 *
 * @example
 * ```ts
 * await onExit('math', (code) => console.log(`math exited with ${code}`))
 * ```
 */
export const onExit = (name: string, callback: (code: number | null) => void) =>
  listen(name, (stream) => (event) => {
    // The stored events may contain exits of earlier generations.
    if (event.kind === 'exit' && event.generation >= stream.generation) callback(event.code)
  })

/**
 * Registers a listener for the state of a process. It is called at once with the current state, then with each
 * later one.
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
      let last = ''
      const notify = (state: State, generation: number) => {
        // The answer to `attach` may contain a state whose event arrives later.
        const key = JSON.stringify([generation, state])
        if (key !== last) callback(state)
        last = key
      }
      const { state, generation } = stream
      if (state) safely(notify, state, generation)
      return (event) => {
        const state = stateOf(event)
        if (state && stream.isNew(event)) notify(state, event.generation)
      }
    },
    false,
  )

function outputListener(
  kind: 'stdout' | 'stderr',
  callback: (text: string) => void,
): ProcessListener {
  // A chunk may end inside a UTF-8 sequence.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return (event) => {
    if (event.kind !== kind) return
    const { data } = event
    callback(typeof data === 'string' ? data : decoder.decode(data, { stream: true }))
  }
}

/**
 * Watches the list of processes that this window may see.
 *
 * @param callback - Receives a `snapshot` of all processes first, then each change.
 * @param options - `usageMs`: interval in milliseconds (at least 250) at which memory and CPU usage are measured.
 * **Default:** not measured.
 * @throws `notAllowed`.
 *
 * @example
 * ```ts
 * const unlisten = await watchProcesses((message) => {
 *   if (message.kind === 'usage') for (const { name, memoryBytes } of message.usage) draw(name, memoryBytes)
 * }, { usageMs: 1000 })
 * ```
 */
export async function watchProcesses(
  callback: (message: WatchMessage) => void,
  { usageMs }: { usageMs?: number } = {},
): Promise<UnlistenFn> {
  let isWatching = true
  const channel = new Channel<WatchMessage>((message) => {
    if (isWatching) safely(callback, message)
  })
  try {
    await invokeCommand('watch', { channel, usageMs: usageMs ?? null })
  } catch (error) {
    dropChannel(channel)
    throw error
  }
  return () => {
    if (!isWatching) return
    isWatching = false
    void retryInBackground(() => invokeCommand('unwatch', { channel: channel.id }))
  }
}
