/** The reasons for which an RPC connection ends. */
import type { ExitReason } from './bindings/index.ts'
import { JsRuntimeError } from './error.ts'

export interface ConnectionEnd {
  error: JsRuntimeError
  /** True if the process exited with code 0, or if the page closed the connection. */
  isClean: boolean
}

/** The end of a connection whose process exited. */
export function exitEnd(name: string, reason: ExitReason, code: number | null): ConnectionEnd {
  const message = `process "${name}" ${describeExit(reason, code)}`
  return { error: new JsRuntimeError('exited', message, name), isClean: code === 0 }
}

export const removedEnd = (name: string): ConnectionEnd => unseenEnd(name, 'was removed')

/** For a generation whose exit event did not reach this page. */
export const restartedEnd = (name: string): ConnectionEnd => unseenEnd(name, 'was restarted')

function unseenEnd(name: string, cause: string): ConnectionEnd {
  return { error: new JsRuntimeError('exited', `process "${name}" ${cause}`, name), isClean: false }
}

function describeExit(reason: ExitReason, code: number | null): string {
  switch (reason.kind) {
    case 'completed':
      return `exited with code ${code}`
    case 'error':
      return `exited with code ${code}: ${reason.message}`
    case 'killed':
      return reason.signal === undefined ? 'was killed' : `was killed by signal ${reason.signal}`
    case 'heapLimit':
      return 'was ended: its heap limit (heapLimit) was reached'
    case 'memoryLimit':
      return 'was ended: its memory limit (memoryLimit) was reached'
    case 'startFailed':
      return `failed to start: ${reason.message}`
    case 'unresponsive':
      return 'was ended: it was unresponsive'
    case 'crashed':
      return `crashed: ${reason.message}`
    case 'hostShutdown':
      return 'ended with the app (hostShutdown)'
    default:
      return `exited with code ${code}`
  }
}
