/** Delivers messages the way Tauri's WebViews do. */
import type { Channel } from '@tauri-apps/api/core'

interface Internals {
  runCallback(id: number, data: unknown): void
}

function runCallback(id: number, data: unknown): void {
  const { __TAURI_INTERNALS__: internals } = window as unknown as Record<string, Internals>
  internals!.runCallback(id, data)
}

/** Makes the page look like one in a WebView. */
export function enterWebView(): void {
  window.ipc = { postMessage: () => {} }
}

/** Sends messages to a Channel: text is evaluated and bytes are fetched, unless the page evaluates both. */
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
