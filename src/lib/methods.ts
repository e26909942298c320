// The methods of the demo worker that the playground offers.
import type { FaultApi, WorkerApi } from '../../backends/shared-api.ts'

export interface Method {
  /** One line for the form. */
  about: string
  /** The default arguments, without the callback. */
  args: unknown[]
  /** Takes a callback as the last argument. */
  callsBack?: true
  /** Converts the typed JSON to the arguments of the worker. */
  encode?: (args: unknown[]) => unknown[]
}

/** The other faults have a tab of their own. `fail` only rejects. */
type Offered = Exclude<keyof WorkerApi, keyof FaultApi> | 'fail'

export const METHODS: Record<Offered, Method> = {
  echo: { about: 'Returns the text: one round trip.', args: ['hello'] },
  add: { about: 'Adds two numbers.', args: [2, 40] },
  getSystemInfo: { about: 'The runtime and the machine.', args: [] },
  memory: { about: 'Memory usage as the runtime reports it.', args: [] },
  appInfo: { about: 'Asks the Rust code of this app.', args: [] },
  countPrimes: { about: 'Counts primes and streams the progress.', args: [1_000_000] },
  count: { about: 'Calls back as fast as possible.', args: [25], callsBack: true },
  stream: {
    about: 'Calls back at an interval in milliseconds.',
    args: [12, 150],
    callsBack: true,
  },
  bytes: {
    about: 'Returns bytes in reverse order. The argument is their number.',
    args: [65_536],
    encode: ([size]) => [Uint8Array.from({ length: Number(size) || 0 }, (_, i) => i & 255)],
  },
  sleep: { about: 'Answers after a number of milliseconds.', args: [500] },
  readFile: { about: 'Reads a file, if the backend may.', args: ['/etc/hostname'] },
  fetchText: {
    about: 'Sends a GET request, if the backend may connect.',
    args: ['https://example.com/'],
  },
  env: { about: 'Reads an environment variable, if the backend may.', args: ['HOME'] },
  fail: { about: 'Rejects with an error.', args: ['as requested'] },
}

export type MethodName = keyof typeof METHODS
export const METHOD_NAMES = Object.keys(METHODS) as MethodName[]
