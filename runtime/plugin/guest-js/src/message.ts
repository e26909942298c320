/**
 * A quicker way to short commands. Tauri sends a command as a request and has its answer as a response, and falls
 * back to a message of the WebView, answered by evaluating, where requests are blocked. In WebKitGTK a message takes
 * little more than half as long as a request. So the Rust side hands out what a message must say to be taken for a command,
 * where that is so, and once one was answered short commands are messages.
 */
import { invoke, transformCallback } from '@tauri-apps/api/core'
import { toError } from './error.ts'

declare global {
  interface Window {
    /** What Tauri's WebView has on every page, and no other browser. */
    ipc?: { postMessage(message: string): void }
  }
}

/** Longer texts go faster as requests. */
const LONGEST = 8 * 1024

/** Milliseconds in which a message is answered, unless its answer was lost. */
const PATIENCE = 2_000

/** Half of a character, which JSON can write and Rust's strings can not hold. */
const LONE_SURROGATE = /\p{Surrogate}/u

/** A command on its way. */
export interface Command {
  cmd: string
  payload: Record<string, unknown>
  headers: Record<string, string>
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

/** Whether a text had better be a message. */
export const isForMessage = (text: string): boolean =>
  proven !== null && text.length <= LONGEST && !LONE_SURROGATE.test(text)

/** Finds out whether messages are answered, if the Rust side has said how to send them. */
export function tryMessages(invokeKey: string | null): void {
  if (isTried || !invokeKey || !isInWebView()) return
  isTried = true
  // About an attachment that there is not: it changes nothing.
  const payload = { name: '', attachment: '', seq: 0 }
  send({ cmd: 'plugin:js|ack', payload, headers: {} }, invokeKey).then(
    () => (proven = invokeKey),
    () => {},
  )
}

/**
 * Sends a command as a message, or as a request: if messages are of no use here, if the message is refused, or if
 * there is no answer to it. The command must be one that may come twice.
 *
 * A message is judged by the address that the web view is about to show, and a request by that of its own page,
 * which makes a difference once a link was followed. And an answer is lost while another page is shown.
 */
export async function sendShort(command: Command): Promise<unknown> {
  if (proven === null) return request(command)
  try {
    const answer = await answerInTime(send(command, proven))
    if (answer !== NONE) return answer
  } catch (error) {
    if (toError(error).kind !== 'notAllowed') throw error
  }
  return request(command)
}

function request({ cmd, payload, headers }: Command): Promise<unknown> {
  return invoke(cmd, payload, { headers })
}

const NONE = Symbol('no answer')

function answerInTime(answer: Promise<unknown>): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout>
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, PATIENCE, NONE)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

function send({ cmd, payload, headers }: Command, invokeKey: string): Promise<unknown> {
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
