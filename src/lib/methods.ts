// What the demo worker answers to, as the playground offers it.
import type { FaultApi, WorkerApi } from '../../backends/shared-api.ts'

export interface Method {
  /** What it shows. */
  about: string
  /** The arguments to begin with, without the callback. */
  args: unknown[]
  /** Takes a callback as the last argument: its calls are shown as they come. */
  streams?: true
  /** Turns what can be typed into what the worker takes. */
  encode?: (args: unknown[]) => unknown[]
}

/** Faults have buttons of their own, except for the one that is just an answer. */
type Offered = Exclude<keyof WorkerApi, keyof FaultApi> | 'fail'

export const METHODS: Record<Offered, Method> = {
  echo: { about: 'The text comes back: one round trip.', args: ['hello'] },
  add: { about: 'The sum of two numbers.', args: [2, 40] },
  getSystemInfo: { about: 'Which runtime this is, and on what machine.', args: [] },
  memory: { about: 'Memory as the runtime sees it.', args: [] },
  count: { about: 'Calls back as fast as it can.', args: [25], streams: true },
  stream: { about: 'Calls back at an interval in milliseconds.', args: [12, 150], streams: true },
  bytes: {
    about: 'Bytes, reversed and sent back. The argument is how many.',
    args: [65_536],
    encode: ([size]) => [Uint8Array.from({ length: Number(size) || 0 }, (_, i) => i & 255)],
  },
  sleep: { about: 'Answers after so many milliseconds.', args: [500] },
  readFile: { about: 'The text of a file, if the backend may read it.', args: ['/etc/hostname'] },
  fetchText: { about: 'GET, if the backend may connect.', args: ['https://example.com/'] },
  env: { about: 'An environment variable, if the backend may read it.', args: ['HOME'] },
  fail: { about: 'Rejects: how an error arrives.', args: ['as requested'] },
}

export type MethodName = keyof typeof METHODS
export const METHOD_NAMES = Object.keys(METHODS) as MethodName[]
