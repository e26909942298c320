// Labels for process states and exit reasons. Every state has its own label and shape, so that no
// information depends on colour.
import type { ExitReason, ProcessConfig, ProcessInfo, Runtime, State } from 'tauri-plugin-js-api'

export type Shape = 'starting' | 'running' | 'unresponsive' | 'stopping' | 'ended' | 'failed'

export interface Described {
  shape: Shape
  /** One or two words for a table cell. */
  label: string
  /** One line; empty if the label is enough. */
  detail: string
}

export function describe(state: State): Described {
  switch (state.state) {
    case 'exited':
      return describeExit(state.reason, state.code)
    case 'unresponsive':
      return {
        shape: 'unresponsive',
        label: 'not responding',
        detail: 'its event loop is blocked',
      }
    default:
      return { shape: state.state, label: state.state, detail: '' }
  }
}

export function describeExit(reason: ExitReason, code: number | null): Described {
  switch (reason.kind) {
    case 'completed':
      return code
        ? { shape: 'failed', label: 'failed', detail: `exited with code ${code}` }
        : { shape: 'ended', label: 'exited', detail: `exited with code ${code ?? 0}` }
    case 'error':
      return { shape: 'failed', label: 'error', detail: firstLine(reason.message) }
    case 'killed':
      return reason.signal
        ? { shape: 'failed', label: 'killed', detail: `ended by signal ${reason.signal}` }
        : { shape: 'ended', label: 'killed', detail: 'ended on request' }
    case 'heapLimit':
      return { shape: 'failed', label: 'out of memory', detail: 'reached its heap limit' }
    case 'memoryLimit':
      return { shape: 'failed', label: 'out of memory', detail: 'reached its memory limit' }
    case 'startFailed':
      return { shape: 'failed', label: 'not started', detail: firstLine(reason.message) }
    case 'unresponsive':
      return { shape: 'failed', label: 'unresponsive', detail: 'did not respond and was ended' }
    case 'crashed':
      return { shape: 'failed', label: 'crashed', detail: firstLine(reason.message) }
    case 'hostShutdown':
      return { shape: 'ended', label: 'exited', detail: 'the app shut down' }
  }
}

const firstLine = (text: string) => text.split('\n', 1)[0] ?? ''

export const isExited = (info: ProcessInfo) => info.state.state === 'exited'

/** The display name of a runtime. Null stands for `command` and `sidecar` processes. */
export function runtimeLabel(runtime: Runtime | null): string {
  return runtime === null ? 'program' : labels[runtime]
}

/** The runtime that a configuration requests, `auto` by default. Null for `command` and `sidecar`. */
export const declaredRuntime = ({ command, sidecar, runtime }: ProcessConfig): Runtime | null =>
  command !== null || sidecar !== null ? null : (runtime ?? 'auto')

const labels: Record<Runtime, string> = {
  auto: 'Auto',
  embedded: 'Embedded',
  deno: 'Deno',
  bun: 'Bun',
  node: 'Node',
}

/** The runtimes in the order of the side-by-side view. */
export const RUNTIMES = ['embedded', 'deno', 'bun', 'node'] as const satisfies Runtime[]
export type RealRuntime = (typeof RUNTIMES)[number]
