/** Invokes the plugin's commands: errors, retries, and clean-up of Channels. */
import { invoke, type Channel } from '@tauri-apps/api/core'
import { report, toError } from './error.ts'

/** Delay before the first retry, in milliseconds. Each later retry doubles it. */
const FIRST_DELAY = 100

/** Upper bound of the delay, in milliseconds. */
const MAX_DELAY = 10_000

/** Retries of {@link retryBriefly}: 1.5 seconds of delays. */
const MAX_BRIEF_RETRIES = 4

/** Attempts of {@link retryInBackground}: about two minutes of delays. */
const MAX_BACKGROUND_ATTEMPTS = 18

/** A binary body and its headers, for commands that take no JSON. */
interface RawRequest {
  body: Uint8Array
  headers: Record<string, string>
}

/**
 * Invokes a command with JSON arguments.
 *
 * @throws {@link JsRuntimeError}
 */
export async function invokeCommand<Answer>(
  command: string,
  args: Record<string, unknown> = {},
): Promise<Answer> {
  try {
    return await invoke<Answer>(`plugin:js|${command}`, args)
  } catch (thrown) {
    throw toError(thrown, typeof args['name'] === 'string' ? args['name'] : undefined)
  }
}

/**
 * Invokes a command with a binary body.
 *
 * @throws {@link JsRuntimeError}
 */
export async function invokeRaw<Answer>(
  command: string,
  { body, headers }: RawRequest,
): Promise<Answer> {
  try {
    return await invoke<Answer>(`plugin:js|${command}`, body, { headers })
  } catch (thrown) {
    throw toError(thrown)
  }
}

/** Exponential delay in milliseconds after this many failures in a row (at least 1). */
export const backOff = (failures: number): number =>
  Math.min(FIRST_DELAY * 2 ** (failures - 1), MAX_DELAY)

/**
 * True for failures of the transport. WebKit fails requests that are in flight when the user leaves the page or
 * the app is busy. Refusals by the plugin are not transient.
 */
export const isTransient = (thrown: unknown): boolean => toError(thrown).kind === 'unknown'

/** Retries an idempotent request after transient failures, for up to 1.5 seconds. */
export async function retryBriefly<Answer>(attempt: () => Promise<Answer>): Promise<Answer> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt()
    } catch (thrown) {
      if (!isTransient(thrown) || failures > MAX_BRIEF_RETRIES) throw thrown
    }
    await delay(failures)
  }
}

/**
 * Retries an idempotent request after transient failures, for about two minutes. Stops early when `isNeeded`
 * returns false. Reports the last error instead of throwing it.
 */
export async function retryInBackground(
  attempt: () => Promise<unknown>,
  isNeeded: () => boolean = () => true,
): Promise<void> {
  for (let failures = 1; ; failures++) {
    try {
      await attempt()
      return
    } catch (thrown) {
      if (!isNeeded()) return
      if (!isTransient(thrown) || failures === MAX_BACKGROUND_ATTEMPTS) return report(thrown)
    }
    await delay(failures)
    if (!isNeeded()) return
  }
}

const delay = (failures: number) => new Promise((resolve) => setTimeout(resolve, backOff(failures)))

/** Frees the callback of a Channel that the Rust side never received. Tauri frees the others itself. */
export function dropChannel(channel: Channel<never>): void {
  // Not public API, and missing from some versions of `@tauri-apps/api`.
  const { cleanupCallback } = channel as unknown as { cleanupCallback?: () => void }
  cleanupCallback?.call(channel)
}

/** A random id of 32 hexadecimal digits. Unlike `crypto.randomUUID`, it needs no secure context. */
export function uniqueId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
