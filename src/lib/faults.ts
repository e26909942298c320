// Ways to break a backend, and what is expected of each.
import type { WorkerApi } from '../../backends/shared-api.ts'

export interface Fault {
  id: string
  title: string
  /** What the button does to the backend. */
  does: string
  /** What should be seen. */
  expect: string
  call(api: WorkerApi): Promise<unknown>
}

const FLOOD_LINES = 200_000
const LATER_MS = 1500

export const FAULTS: Fault[] = [
  {
    id: 'crash',
    title: 'Throw an error',
    does: 'An exception that nobody catches.',
    expect: 'Ends, with the message and its stack.',
    call: (api) => api.crash(),
  },
  {
    id: 'throw-later',
    title: 'Reject later',
    does: 'A promise that nobody handles, after 1.5 seconds.',
    expect: 'Runs on, then ends the same way.',
    call: (api) => api.throwLater(LATER_MS),
  },
  {
    id: 'loop',
    title: 'Loop for ever',
    does: 'Never returns to its event loop.',
    expect: 'Marked as not responding after 5 s; Kill ends it.',
    call: (api) => api.loop(),
  },
  {
    id: 'allocate',
    title: 'Fill the heap',
    does: 'Allocates until the limit.',
    expect: 'Out of memory. The app’s own memory is safe.',
    call: (api) => api.allocate(),
  },
  {
    id: 'flood',
    title: 'Flood the log',
    does: '200,000 lines at once.',
    expect: 'It is slowed down. The console stays smooth.',
    call: (api) => api.flood(FLOOD_LINES),
  },
  {
    id: 'exit',
    title: 'Exit with code 0',
    does: 'Deno.exit(0) or process.exit(0).',
    expect: 'Only the backend exits.',
    call: (api) => api.exit(0),
  },
  {
    id: 'abort',
    title: 'Abort',
    does: 'process.abort(), the hard way.',
    expect: 'Ends at once. The app does not.',
    call: (api) => api.abort(),
  },
]
