/** Fake pages: each load creates a new instance of the package. */
import { vi } from 'vitest'
import type { FakeHost } from './host.ts'

export type Page = typeof import('../../src/index.ts')

/** Loads the package in the page of a window. */
export async function load(host: FakeHost, label = 'main'): Promise<Page> {
  vi.resetModules()
  vi.doMock('@tauri-apps/api/core', async (original) => ({
    ...(await original<object>()),
    invoke: (
      cmd: string,
      args?: Record<string, unknown>,
      options?: { headers: Record<string, string> },
    ) => host.invoke(label, cmd, args, options),
  }))
  return import('../../src/index.ts')
}

export async function reload(host: FakeHost, label = 'main'): Promise<Page> {
  leave(host, label)
  return load(host, label)
}

export function leave(host: FakeHost, label = 'main'): void {
  window.dispatchEvent(new Event('pagehide'))
  host.pageGone(label)
}

/** Waits until all messages in flight have arrived. */
export async function idle(rounds = 6): Promise<void> {
  for (let round = 0; round < rounds; round++)
    await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Timeout of {@link until} in milliseconds, for busy machines. */
const TIMEOUT = 100_000

export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  const end = performance.now() + TIMEOUT
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what} did not happen`)
    await idle(1)
  }
}

/** Returns the error with which a promise rejects. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { kind?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error & { kind?: string }
  }
  throw new Error('the promise did not reject')
}
