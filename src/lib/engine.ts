// Builds of the app without the embedded engine: what that leaves out, and what brings it back.
import type { ProcessConfig, RuntimeInfo } from 'tauri-plugin-js-api'

/** The short form, for badges and tables. */
export const NOT_IN_BUILD = 'not in this build'

/** What to do about it, for sentences. */
export const GET_ENGINE =
  'Build the app with the cargo feature "embedded" of tauri-plugin-js, which is on by default.'

/** Whether the runtimes are known and the engine is not among them. */
export function lacksEngine(runtimes: readonly RuntimeInfo[]): boolean {
  return runtimes.some(({ name, available }) => name === 'embedded' && !available)
}

/** Whether a backend can run on nothing but the engine. */
export function needsEngine({ runtime, command, sidecar, fallback }: ProcessConfig): boolean {
  if (command !== null || sidecar !== null || runtime !== 'embedded') return false
  return fallback.every((other) => other === 'embedded')
}

/** Whether an error says that the engine was asked for in a build without it. */
export function isEngineMissing(kind: string | null, message: string): boolean {
  return kind === 'runtimeUnavailable' && message.startsWith('runtime not available: embedded')
}
