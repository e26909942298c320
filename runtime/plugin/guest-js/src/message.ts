/**
 * A quicker way to short commands. Tauri sends a command as a request and has its answer as a response, and falls
 * back to a message of the WebView, answered by evaluating, where requests are blocked. In WebKitGTK a message takes
 * half as long as a request. So the Rust side hands out what a message must say to be taken for a command,
 * where that is so, and once one was answered short commands are messages.
 */
import { transformCallback } from '@tauri-apps/api/core'

declare global {
  interface Window {
    /** What Tauri's WebView has on every page, and no other browser. */
    ipc?: { postMessage(message: string): void }
  }
}

/** Longer texts go faster as requests. */
const LONGEST = 8 * 1024

/** Half of a character, which JSON can write and Rust's strings can not hold. */
const LONE_SURROGATE = /\p{Surrogate}/u

/** A command on its way. */
export interface Command {
  cmd: string
  payload: Record<string, unknown>
  headers?: Record<string, string> | undefined
}

/** Who waits for the answer to a message; used again for the next one. */
interface Slot {
  callback: number
  error: number
  resolve: (answer: unknown) => void
  reject: (error: unknown) => void
}

/** What is not used at the moment: as many as were ever used at a time. */
const free: Slot[] = []

/** Tauri's key, once a message that had it was answered. */
let proven: string | null = null
let isTried = false

/** Whether this is a page of Tauri's WebView, and not one that has been given another IPC. */
export const isInWebView = (): boolean => typeof window.ipc?.postMessage === 'function'

/** Whether a text may be part of a message. */
export const isShort = (text: string): boolean =>
  text.length <= LONGEST && !LONE_SURROGATE.test(text)

/** Finds out whether messages are answered, if the Rust side has said how to send them. */
export function tryMessages(invokeKey: string | null): void {
  if (isTried || !invokeKey || !isInWebView()) return
  isTried = true
  // About an attachment that there is not: it changes nothing.
  const nothing = { cmd: 'plugin:js|ack', payload: { name: '', attachment: '', seq: 0 } }
  send(nothing, invokeKey).then(
    () => (proven = invokeKey),
    () => {},
  )
}

/** The answer to a command, or `null` if messages are of no use here. */
export function sendMessage(command: Command): Promise<unknown> | null {
  return proven === null ? null : send(command, proven)
}

function send({ cmd, payload, headers = {} }: Command, invokeKey: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const slot = free.pop() ?? newSlot()
    Object.assign(slot, { resolve, reject })
    const { callback, error } = slot
    const key = { __TAURI_INVOKE_KEY__: invokeKey }
    const message = { cmd, callback, error, payload, options: { headers }, ...key }
    window.ipc!.postMessage(JSON.stringify(message))
  })
}

function newSlot(): Slot {
  const done = (settle: 'resolve' | 'reject') => (answer: unknown) => {
    free.push(slot)
    slot[settle](answer)
  }
  const slot: Slot = {
    callback: transformCallback(done('resolve')),
    error: transformCallback(done('reject')),
    resolve: () => {},
    reject: () => {},
  }
  return slot
}
