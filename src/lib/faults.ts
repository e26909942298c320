// Faults that the page can cause in a backend, and their expected effects.
import type { Remote, Runtime } from 'tauri-plugin-js-api'
import type { FaultApi } from '../../backends/shared-api.ts'

export interface Fault {
  id: string
  title: string
  /** The cause. */
  does: string
  /** The expected effect. */
  expect: string
  /** The expected effect on a child process, if it differs. */
  expectOfChild?: string
  call(api: Remote<FaultApi>): Promise<unknown>
}

const FLOOD_LINES = 200_000
const LATER_MS = 1500

export const FAULTS: Fault[] = [
  {
    id: 'crash',
    title: 'Throw an error',
    does: 'An uncaught exception.',
    expect: 'Ends with the error message and its stack.',
    call: (api) => api.crash(),
  },
  {
    id: 'throw-later',
    title: 'Reject later',
    does: 'An unhandled rejection after 1.5 seconds.',
    expect: 'Runs on, then ends the same way.',
    call: (api) => api.throwLater(LATER_MS),
  },
  {
    id: 'loop',
    title: 'Loop forever',
    does: 'Blocks its event loop.',
    expect: 'Marked as not responding after 5 s; Kill ends it.',
    expectOfChild: 'Calls get no answer: only embedded event loops are watched. Kill ends it.',
    call: (api) => api.loop(),
  },
  {
    id: 'allocate',
    title: 'Fill the heap',
    does: 'Allocates up to the heap limit.',
    expect: 'Ends: out of memory. The app is unaffected.',
    expectOfChild:
      'Ends at the heap limit of its runtime, set by a flag. Without a limit it stops at 1 GB.',
    call: (api) => api.allocate(),
  },
  {
    id: 'flood',
    title: 'Flood the log',
    does: 'Writes 200,000 lines to stderr.',
    expect: 'Slows down. The console stays responsive.',
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
    does: 'process.abort().',
    expect: 'Only the backend ends.',
    call: (api) => api.abort(),
  },
]

/** The expected effect on a runtime; null stands for a program. */
export function expected(fault: Fault, runtime: Runtime | null): string {
  return (runtime === 'embedded' ? undefined : fault.expectOfChild) ?? fault.expect
}

/** Says how faults of a backend on a runtime are contained. */
export function containment(runtime: Runtime | null, hasEngine: boolean): string {
  if (runtime === 'embedded') {
    return 'A failing backend ends alone, although it runs inside the app.'
  }
  const child = 'A failing backend ends only its own process.'
  return hasEngine ? child : `${child} Embedded backends are not in this build.`
}
