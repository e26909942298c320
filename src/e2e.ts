/**
 * The hook of the tests in e2e/: the guest API on `window`. Loaded only if a test started the app.
 * WebDriver controls the first window only. The hook reaches other windows through events.
 */
import { invoke } from '@tauri-apps/api/core'
import { emit, listen } from '@tauri-apps/api/event'
import { getCurrentWindow } from '@tauri-apps/api/window'
import * as api from 'tauri-plugin-js-api'
import type { WorkerApi } from '../backends/shared-api.ts'

interface WindowRequest {
  id: string
  /** The label of the window that answers. */
  window: string
}

interface Call extends WindowRequest {
  name: string
  method: keyof WorkerApi
  args: unknown[]
}

interface Answer {
  id: string
  value?: unknown
  error?: string
}

/** A connection to a backend for one test. */
const worker = async (name: string) => (await api.connect<WorkerApi>(name)).api

/** Calls a method of a backend. */
async function call(name: string, method: keyof WorkerApi, args: unknown[]): Promise<unknown> {
  const remote = (await worker(name))[method] as (...args: unknown[]) => Promise<unknown>
  return remote(...args)
}

/** Policy violations and unhandled errors of the page. */
const problems: string[] = []
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
  problems.push(`${violatedDirective} ${blockedURI}`)
})
addEventListener('error', ({ message }) => problems.push(message))
addEventListener('unhandledrejection', ({ reason }) => problems.push(String(reason)))

/** Records the `seq` of every event of a process in sessionStorage: one line per load of the page. */
async function recordEvents(name: string): Promise<void> {
  sessionStorage.setItem('recorded', (sessionStorage.getItem('recorded') ?? '') + '\n')
  await api.onEvent(name, ({ seq }) => {
    sessionStorage.setItem('recorded', `${sessionStorage.getItem('recorded')}${seq} `)
  })
}

/** The `js-process-*` events that this window received. */
const received: string[] = []
for (const event of ['js-process-stderr', 'js-process-exit', 'js-process-state']) {
  void listen<{ name: string; data?: string }>(event, ({ payload }) => {
    received.push([event, payload.name, payload.data ?? ''].join(' '))
  })
}

// A reloaded page continues the record.
const recording = sessionStorage.getItem('recording')
if (recording !== null) void recordEvents(recording)

const hook = {
  ...api,
  problems,
  worker,
  openWindow: () => invoke<string>('open_window'),
  /** Opens a window that may not see any backend. */
  openStranger: () => emit('e2e-open-stranger'),
  received,
  receivedBy: (window: string) =>
    ask<string[]>('e2e-received', 'e2e-received-answer', { id: crypto.randomUUID(), window }),
  closeWindow: () => getCurrentWindow().close(),

  record: async (name: string) => {
    sessionStorage.setItem('recording', name)
    await recordEvents(name)
  },
  /** The `seq` of the recorded events: one list per load of the page. */
  recorded: () =>
    (sessionStorage.getItem('recorded') ?? '')
      .trimStart()
      .split('\n')
      .map((line) => line.split(' ').filter(Boolean).map(Number)),
  stopRecording: () => {
    sessionStorage.removeItem('recording')
    sessionStorage.removeItem('recorded')
  },

  /** Calls a method from another window. Waits until that window is loaded. */
  callFrom: (window: string, name: string, method: keyof WorkerApi, args: unknown[]) =>
    ask('e2e-call', 'e2e-answer', { id: crypto.randomUUID(), window, name, method, args }),
}

/** Sends a request to another window. Repeats it until the window is loaded and answers. */
function ask<T = unknown>(
  event: string,
  answer: string,
  request: WindowRequest | Call,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => void emit(event, request), 200)
    void listen<Answer>(answer, ({ payload }) => {
      if (payload.id !== request.id) return
      clearInterval(timer)
      if (payload.error === undefined) resolve(payload.value as T)
      else reject(new Error(payload.error))
    })
  })
}

void listen<Call>('e2e-received', ({ payload: { id, window } }) => {
  if (window === getCurrentWindow().label) void emit('e2e-received-answer', { id, value: received })
})

const answered = new Set<string>()

void listen<Call>('e2e-call', async ({ payload: { id, window, name, method, args } }) => {
  // `ask` repeats its requests.
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
