/**
 * What the tests in e2e/ drive: the guest API on `window`. Loaded only when the app was started for
 * a test, which the Rust side says. A driver sees the first window only; the others are reached from
 * there, through events.
 */
import { invoke } from '@tauri-apps/api/core'
import { emit, listen } from '@tauri-apps/api/event'
import { getCurrentWindow } from '@tauri-apps/api/window'
import * as api from 'tauri-plugin-js-api'
import type { WorkerApi } from '../backends/shared-api.ts'

interface Question {
  id: string
  /** Who is asked. */
  window: string
}

interface Call extends Question {
  name: string
  method: keyof WorkerApi
  args: unknown[]
}

interface Answer {
  id: string
  value?: unknown
  error?: string
}

/** Calls a method of a backend over a channel of this page. */
async function call(name: string, method: keyof WorkerApi, args: unknown[]): Promise<unknown> {
  const { api: remote } = await api.createChannel<object, WorkerApi>(name)
  const methods = remote as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  return methods[method]?.(...args)
}

/** What the page should never see: policy violations and errors that nobody handles. */
const problems: string[] = []
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
  problems.push(`${violatedDirective} ${blockedURI}`)
})
addEventListener('error', ({ message }) => problems.push(message))
addEventListener('unhandledrejection', ({ reason }) => problems.push(String(reason)))

/** Notes the number of every event of a process, in a line for each load of the page. */
async function note(name: string): Promise<void> {
  sessionStorage.setItem('noted', (sessionStorage.getItem('noted') ?? '') + '\n')
  await api.onEvent(name, ({ seq }) => {
    sessionStorage.setItem('noted', `${sessionStorage.getItem('noted')}${seq} `)
  })
}

/** What this window hears of the events that `tauri-plugin-js` sends. */
const heard: string[] = []
for (const event of ['js-process-stderr', 'js-process-exit', 'js-process-state']) {
  void listen<{ name: string; data?: string }>(event, ({ payload }) => {
    heard.push([event, payload.name, payload.data ?? ''].join(' '))
  })
}

const noting = sessionStorage.getItem('noting')
if (noting !== null) void note(noting)

const hook = {
  ...api,
  problems,
  worker: async (name: string) => (await api.createChannel<object, WorkerApi>(name)).api,
  openWindow: () => invoke<string>('open_window'),
  /** A window that may not see any backend. */
  openStranger: () => emit('e2e-open-stranger'),
  heard,
  heardBy: (window: string) =>
    ask<string[]>('e2e-heard', 'e2e-has-heard', { id: crypto.randomUUID(), window }),
  closeWindow: () => getCurrentWindow().close(),

  note: async (name: string) => {
    sessionStorage.setItem('noting', name)
    await note(name)
  },
  /** The numbers of the events, for each load of the page; on and on until they are forgotten. */
  noted: () =>
    (sessionStorage.getItem('noted') ?? '')
      .trimStart()
      .split('\n')
      .map((line) => line.split(' ').filter(Boolean).map(Number)),
  forget: () => {
    sessionStorage.removeItem('noting')
    sessionStorage.removeItem('noted')
  },

  /** The same as `call`, by another window, once that window is there. */
  callFrom: (window: string, name: string, method: keyof WorkerApi, args: unknown[]) =>
    ask('e2e-call', 'e2e-answer', { id: crypto.randomUUID(), window, name, method, args }),
}

/** Asks another window until it has come up to answer. */
function ask<T = unknown>(event: string, answer: string, question: Question | Call): Promise<T> {
  return new Promise((resolve, reject) => {
    const asking = setInterval(() => void emit(event, question), 200)
    void listen<Answer>(answer, ({ payload }) => {
      if (payload.id !== question.id) return
      clearInterval(asking)
      if (payload.error === undefined) resolve(payload.value as T)
      else reject(new Error(payload.error))
    })
  })
}

void listen<Call>('e2e-heard', ({ payload: { id, window } }) => {
  if (window === getCurrentWindow().label) void emit('e2e-has-heard', { id, value: heard })
})

const answered = new Set<string>()

void listen<Call>('e2e-call', async ({ payload: { id, window, name, method, args } }) => {
  // Calls are repeated until the window has come up to answer them.
  if (window !== getCurrentWindow().label || answered.has(id)) return
  answered.add(id)
  const answer = await call(name, method, args).then(
    (value) => ({ value }),
    (error: unknown) => ({ error: String(error) }),
  )
  await emit('e2e-answer', { id, ...answer })
})

export type Hook = typeof hook

declare global {
  interface Window {
    __e2e: Hook
  }
}

window.__e2e = hook
