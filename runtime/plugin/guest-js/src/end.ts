/** How a process ended, for those who were talking to it. */
import type { ExitReason } from './bindings/index.ts'
import { JsRuntimeError } from './error.ts'

/** The end of what a connection was to. */
export interface End {
  error: JsRuntimeError
  /** Whether it ended as programs should: with code 0. */
  isClean: boolean
}

/** The end that an exit means to its connections. */
export function exitOf(name: string, reason: ExitReason, code: number | null): End {
  const message = `process "${name}" ${wordsFor(reason, code)}`
  return { error: new JsRuntimeError('exited', message, name), isClean: code === 0 }
}

/** The end of a process whose own word was not heard. */
export function endWithout(name: string, what: string): End {
  return { error: new JsRuntimeError('exited', `process "${name}" ${what}`, name), isClean: false }
}

/** The end of a generation of which only the next is heard. */
export const startedAnew = (name: string): End => endWithout(name, 'was started anew')

function wordsFor(reason: ExitReason, code: number | null): string {
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
