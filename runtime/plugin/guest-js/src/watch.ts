/** The list of processes as it changes. */
import { Channel } from '@tauri-apps/api/core'
import type { WatchMessage } from './bindings/plugin/index.ts'
import { call, dropChannel } from './call.ts'
import { safely } from './error.ts'
import type { UnlistenFn } from './listen.ts'
import { persist } from './retry.ts'

/**
 * Watches the processes that this window may see: first all of them, then each change.
 *
 * @param callback - The first message is the `snapshot`.
 * @param options - `usageMs`: also measure what they use, every so many milliseconds (at least 250).
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
  let watches = true
  const channel = new Channel<WatchMessage>((message) => {
    if (watches) safely(callback, message)
  })
  try {
    await call('watch', { channel, usageMs: usageMs ?? null })
  } catch (error) {
    dropChannel(channel)
    throw error
  }
  return () => {
    if (!watches) return
    watches = false
    void persist(() => call('unwatch', { channel: channel.id }))
  }
}
