// Builds of the app without the embedded engine.
import type { ProcessConfig, RuntimeInfo } from 'tauri-plugin-js-api'

/** For badges and tables. */
export const NOT_IN_BUILD = 'not in this build'

/** The remedy. */
export const GET_ENGINE =
  'Build the app with the cargo feature "embedded" of tauri-plugin-js, which is on by default.'

/** False until the runtimes are detected. */
export function lacksEngine(runtimes: readonly RuntimeInfo[]): boolean {
  return runtimes.some(({ name, available }) => name === 'embedded' && !available)
}

/** True if only the embedded engine may run the backend. */
export function needsEngine({ runtime, command, sidecar, fallback }: ProcessConfig): boolean {
  if (command !== null || sidecar !== null || runtime !== 'embedded') return false
  return fallback.every((other) => other === 'embedded')
}

/** True if an error is caused by a build without the engine. */
export function isEngineMissing(kind: string | null, message: string): boolean {
  return kind === 'runtimeUnavailable' && message.startsWith('runtime not available: embedded')
}
