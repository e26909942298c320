// Words for what a process is and why it ended. Every state has a word and a shape of its own, so
// that nothing is told by colour alone.
import type { ExitReason, ProcessConfig, ProcessInfo, Runtime, State } from 'tauri-plugin-js-api'

export type Shape = 'starting' | 'running' | 'stuck' | 'stopping' | 'ended' | 'failed'

export interface Described {
  shape: Shape
  /** One or two words, for a table. */
  word: string
  /** A sentence's worth; empty where the word says it all. */
  detail: string
}

export function describe(state: State): Described {
  switch (state.state) {
    case 'exited':
      return describeExit(state.reason, state.code)
    case 'unresponsive':
      return { shape: 'stuck', word: 'not responding', detail: 'its event loop does not turn' }
    default:
      return { shape: state.state, word: state.state, detail: '' }
  }
}

export function describeExit(reason: ExitReason, code: number | null): Described {
  switch (reason.kind) {
    case 'completed':
      return code
        ? { shape: 'failed', word: 'failed', detail: `exited with code ${code}` }
        : { shape: 'ended', word: 'exited', detail: `exited with code ${code ?? 0}` }
    case 'error':
      return { shape: 'failed', word: 'error', detail: firstLine(reason.message) }
    case 'killed':
      return reason.signal
        ? { shape: 'failed', word: 'killed', detail: `ended by signal ${reason.signal}` }
        : { shape: 'ended', word: 'killed', detail: 'ended on request' }
    case 'heapLimit':
      return { shape: 'failed', word: 'out of memory', detail: 'its memory reached a limit' }
    case 'memoryLimit':
      return { shape: 'failed', word: 'out of memory', detail: 'it reached its memory limit' }
    case 'startFailed':
      return { shape: 'failed', word: 'not started', detail: firstLine(reason.message) }
    case 'unresponsive':
      return { shape: 'failed', word: 'unresponsive', detail: 'did not respond, and was given up' }
    case 'crashed':
      return { shape: 'failed', word: 'crashed', detail: firstLine(reason.message) }
    case 'hostShutdown':
      return { shape: 'ended', word: 'exited', detail: 'the app shut down' }
  }
}

const firstLine = (text: string) => text.split('\n', 1)[0] ?? ''

export const isExited = (info: ProcessInfo) => info.state.state === 'exited'

/** What a person calls a runtime. `command` and `sidecar` processes have none. */
export function runtimeLabel(runtime: Runtime | null): string {
  return runtime === null ? 'program' : labels[runtime]
}

/** What a configuration asks for: a program, or a runtime, which is `auto` where it names none. */
export const declaredRuntime = ({ command, sidecar, runtime }: ProcessConfig): Runtime | null =>
  command !== null || sidecar !== null ? null : (runtime ?? 'auto')

const labels: Record<Runtime, string> = {
  auto: 'Auto',
  embedded: 'Embedded',
  deno: 'Deno',
  bun: 'Bun',
  node: 'Node',
}

/** The runtimes that the side-by-side view compares, the one inside the app first. */
export const RUNTIMES = ['embedded', 'deno', 'bun', 'node'] as const satisfies Runtime[]
export type RealRuntime = (typeof RUNTIMES)[number]
