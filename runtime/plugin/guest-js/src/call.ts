/** The one way to the plugin's commands. */
import { invoke, type Channel } from '@tauri-apps/api/core'
import { toError } from './error.ts'

/** Headers and a body of bytes, for commands that take no JSON. */
interface RawCall {
  body: Uint8Array
  headers: Record<string, string>
}

/** Calls a command; what it is rejected with becomes a {@link JsRuntimeError}. */
export async function call<Answer>(
  command: string,
  args: Record<string, unknown> = {},
): Promise<Answer> {
  try {
    return await invoke<Answer>(`plugin:js|${command}`, args)
  } catch (thrown) {
    throw toError(thrown, typeof args['name'] === 'string' ? args['name'] : undefined)
  }
}

/** Calls a command with bytes. */
export async function callRaw<Answer>(
  command: string,
  { body, headers }: RawCall,
): Promise<Answer> {
  try {
    return await invoke<Answer>(`plugin:js|${command}`, body, { headers })
  } catch (thrown) {
    throw toError(thrown)
  }
}

/**
 * Forgets a Channel that the Rust side has not taken: Tauri does so when the Rust side lets go of it, and of
 * this one it does not know.
 */
export function dropChannel(channel: Channel<never>): void {
  // Not in all versions of Tauri's package, and in none declared to be public.
  const { cleanupCallback } = channel as unknown as { cleanupCallback?: () => void }
  cleanupCallback?.call(channel)
}

/** A name that no other stream or writer has. Works on pages without a secure context, too. */
export function uniqueId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
