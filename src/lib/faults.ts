// Ways to break a backend, and what is expected of each.
import type { Runtime } from 'tauri-plugin-js-api'
import type { WorkerApi } from '../../backends/shared-api.ts'

export interface Fault {
  id: string
  title: string
  /** What the button does to the backend. */
  does: string
  /** What should be seen. */
  expect: string
  /** What should be seen of a process of its own, where that is something else. */
  expectOfChild?: string
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
    expectOfChild: 'Its round trip gets no answer: only embedded loops are watched. Kill ends it.',
    call: (api) => api.loop(),
  },
  {
    id: 'allocate',
    title: 'Fill the heap',
    does: 'Allocates until the limit.',
    expect: 'Out of memory. The app’s own memory is safe.',
    expectOfChild:
      'Ends at a limit of its runtime, set by a flag. Without one it gives up at 1 GB.',
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

/** What should be seen of a fault on that runtime; null is a program. */
export function expected(fault: Fault, runtime: Runtime | null): string {
  return (runtime === 'embedded' ? undefined : fault.expectOfChild) ?? fault.expect
}

/** Why the app survives the faults of a backend on that runtime. */
export function containment(runtime: Runtime | null, hasEngine: boolean): string {
  if (runtime === 'embedded') {
    return 'A backend that fails takes down itself and nothing else, though it runs inside the app.'
  }
  const child = 'A backend that fails takes down its own process and nothing else.'
  const engine = 'Embedded backends, which fail inside the app and leave it unharmed, are'
  return hasEngine ? child : `${child} ${engine} not in this build.`
}
