/** Pages: each load is a new instance of the package, as in a window of its own. */
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

/** Leaves the page of a window and loads it anew. */
export async function reload(host: FakeHost, label = 'main'): Promise<Page> {
  leave(host, label)
  return load(host, label)
}

export function leave(host: FakeHost, label = 'main'): void {
  window.dispatchEvent(new Event('pagehide'))
  host.pageGone(label)
}

/** Until everything that is under way has arrived. */
export async function settled(turns = 6): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Much longer than anything takes that happens, however busy the machine is. */
const patience = 100_000

export async function until(isSo: () => boolean, what = 'it'): Promise<void> {
  const end = performance.now() + patience
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`${what} did not happen`)
    await settled(1)
  }
}

/** The kind of error that a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { kind?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error & { kind?: string }
  }
  throw new Error('it did not reject')
}
