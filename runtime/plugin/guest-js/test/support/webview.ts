/** What only Tauri's WebView does: everything that a page is sent is evaluated. */
import type { Channel } from '@tauri-apps/api/core'

interface Internals {
  runCallback(id: number, data: unknown): void
}

function runCallback(id: number, data: unknown): void {
  const { __TAURI_INTERNALS__: internals } = window as unknown as Record<string, Internals>
  internals!.runCallback(id, data)
}

/** Puts the page into a WebView. */
export function enterWebView(): void {
  window.ipc = { postMessage: () => {} }
}

/** The way to a page: small messages are evaluated there, big ones fetched, unless it takes all of them evaluated. */
export function sender(
  channel: Channel<unknown>,
  evaluated: number | null,
): (message: string | ArrayBuffer) => void {
  let index = 0
  const run = (message: unknown) =>
    runCallback(evaluated ?? channel.id, { index: index++, message })
  if (evaluated !== null) {
    return (message) =>
      run(typeof message === 'string' ? message : new TextDecoder().decode(message))
  }
  return (message) => {
    if (typeof message === 'string') run(message)
    else setTimeout(() => run(message), 1)
  }
}
