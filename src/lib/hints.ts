// Adds a hint to an error: the remedy that its message lacks.
import { deniedIn } from './denied'
import { GET_ENGINE, isEngineMissing } from './engine'

export interface Problem {
  title: string
  message: string
  hint: string | null
}

const HINTS: Record<string, string> = {
  notAllowed: 'The capability of this window, in src-tauri/capabilities, must allow it.',
  alreadyExists: 'Choose another name, or restart the process with this name.',
  stillRunning: 'Kill it first.',
  notRunning: 'Restart it and try again.',
  notFound: 'The process was removed, possibly by another window.',
  runtimeUnavailable: 'Install it, or set its path under Runtimes.',
  path: 'Check the path. Relative paths count from the working directory.',
  invalidConfig: 'Correct the field that the message names.',
  stdinFull: 'The process does not read its input. It may be busy.',
  tooMany: 'Kill some processes, or raise maxProcesses or maxProcessesPerWindow of plugins.js.',
  shutDown: 'The app is closing.',
}

/** The `kind` of a rejected command, null for other errors. */
export function kindOf(error: unknown): string | null {
  const kind = (error as { kind?: unknown } | null)?.kind
  return typeof kind === 'string' ? kind : null
}

export function messageOf(error: unknown): string {
  if (typeof error === 'string') return error
  const message = (error as { message?: unknown } | null)?.message
  return typeof message === 'string' ? message : String(error)
}

export function explain(title: string, error: unknown): Problem {
  const message = messageOf(error)
  const denied = deniedIn(message)
  if (denied) return { title, message, hint: `Grant it with ${denied.grant}` }
  const kind = kindOf(error)
  if (isEngineMissing(kind, message)) {
    return { title, message, hint: `${GET_ENGINE} Or choose deno, bun or node.` }
  }
  return { title, message, hint: kind && Object.hasOwn(HINTS, kind) ? HINTS[kind]! : null }
}
