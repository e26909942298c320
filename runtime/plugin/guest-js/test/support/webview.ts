/** What only Tauri's WebView has: messages that are taken for commands, and all that is evaluated. */
import type { Channel } from '@tauri-apps/api/core'
import type { FakeHost } from './host.ts'

interface Internals {
  runCallback(id: number, data: unknown): void
}

interface Message {
  cmd: string
  callback: number
  error: number
  payload: Record<string, unknown>
  options: { headers: Record<string, string> }
  __TAURI_INVOKE_KEY__: string
}

const INVOKE_KEY = 'the key of the app'

function runCallback(id: number, data: unknown): void {
  const { __TAURI_INTERNALS__: internals } = window as unknown as Record<string, Internals>
  internals!.runCallback(id, data)
}

/** Puts the page into a WebView whose messages the host takes; what they say, by and by. */
export function enterWebView(host: FakeHost): Message[] {
  const messages: Message[] = []
  host.invokeKey = INVOKE_KEY
  window.ipc = {
    postMessage(text) {
      const message = JSON.parse(text) as Message
      // Tauri does not answer who has another.
      if (message.__TAURI_INVOKE_KEY__ !== INVOKE_KEY) return
      messages.push(message)
      const { cmd, payload, options, callback, error } = message
      host.invoke('main', cmd, payload, options).then(
        (answer) => host.answersMessages && runCallback(callback, answer),
        (thrown) => host.answersMessages && runCallback(error, thrown),
      )
    },
  }
  return messages
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
