/** The streams of this page: one per process, shared by its listeners and RPC connections. */
import { retryInBackground } from './invoke.ts'
import { savePositions } from './positions.ts'
import { ProcessStream } from './stream.ts'

interface SharedStream {
  stream: ProcessStream
  users: number
}

const streams = new Map<string, SharedStream>()
let handlesPageEvents = false

/** Returns the attached stream of a process. The last {@link release} detaches it. */
export async function acquire(name: string): Promise<ProcessStream> {
  handlePageEvents()
  let shared = streams.get(name)
  if (!shared) {
    const stream = new ProcessStream(name, () => unregister(stream))
    streams.set(name, (shared = { stream, users: 0 }))
  }
  shared.users++
  try {
    await shared.stream.attached
  } catch (error) {
    unregister(shared.stream)
    throw error
  }
  return shared.stream
}

/** Releases a stream that {@link acquire} returned. */
export function release(stream: ProcessStream): void {
  const shared = streams.get(stream.name)
  // The stream of a removed process is already unregistered.
  if (shared?.stream !== stream || --shared.users > 0) return
  unregister(stream)
  stream.detach()
}

/** Records the generation that a command's answer names. It may precede the events of that generation. */
export function announceGeneration(info: { name: string; generation: number }): void {
  streams.get(info.name)?.stream.announceGeneration(info.generation)
}

/** The latest generation that this page knows of; `null` while it has no stream of the process. */
export function latestGeneration(name: string): number | null {
  return streams.get(name)?.stream.latestGeneration || null
}

function unregister(stream: ProcessStream): void {
  if (streams.get(stream.name)?.stream === stream) streams.delete(stream.name)
}

function handlePageEvents(): void {
  if (handlesPageEvents) return
  handlesPageEvents = true
  addEventListener('pagehide', () => {
    // No stream handles an event after its position is saved.
    for (const { stream } of streams.values()) stream.suspend()
    savePositions()
  })
  addEventListener('pageshow', ({ persisted }) => {
    // `persisted`: the page comes from the back/forward cache with its memory intact.
    if (!persisted) return
    for (const [name, { stream }] of streams) {
      const isUsed = () => streams.get(name)?.stream === stream
      void retryInBackground(() => stream.resume(), isUsed)
    }
  })
}
