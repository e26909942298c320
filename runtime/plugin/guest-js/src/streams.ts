/** The streams of this page, one per process, shared by all that listens and all that calls. */
import { savePositions } from './resume.ts'
import { persist } from './retry.ts'
import { ProcessStream } from './stream.ts'

interface Shared {
  stream: ProcessStream
  users: number
}

const streams = new Map<string, Shared>()
let watchesPage = false

/**
 * The stream of a process, attached. Everybody who asks gives it back with {@link release}; the last
 * one ends it.
 */
export async function acquire(name: string): Promise<ProcessStream> {
  watchPage()
  let shared = streams.get(name)
  if (!shared) {
    const stream = new ProcessStream(name, () => forget(name, stream))
    streams.set(name, (shared = { stream, users: 0 }))
  }
  shared.users++
  try {
    await shared.stream.attached
  } catch (error) {
    forget(name, shared.stream)
    throw error
  }
  return shared.stream
}

/** A command has told of the generation that a process is in. */
export function tell({ name, generation }: { name: string; generation: number }): void {
  streams.get(name)?.stream.tell(generation)
}

/** The latest start of a process that this page knows of; `null` while it does not follow the process. */
export function generationOf(name: string): number | null {
  return streams.get(name)?.stream.latest || null
}

/** Gives a stream back. */
export function release(stream: ProcessStream): void {
  const shared = streams.get(stream.name)
  // One that has ended by itself was forgotten then.
  if (shared?.stream !== stream || --shared.users > 0) return
  forget(stream.name, stream)
  stream.detach()
}

function forget(name: string, stream: ProcessStream): void {
  if (streams.get(name)?.stream === stream) streams.delete(name)
}

function watchPage(): void {
  if (watchesPage) return
  watchesPage = true
  addEventListener('pagehide', () => {
    // From here on nothing is handled any more, so that what was stored stays true.
    for (const { stream } of streams.values()) stream.suspend()
    savePositions()
  })
  addEventListener('pageshow', ({ persisted }) => {
    if (!persisted) return
    // Back from the cache of pages, and with its memory as it was left.
    for (const [name, { stream }] of streams) {
      const isUsed = () => streams.get(name)?.stream === stream
      void persist(() => stream.resume(), isUsed)
    }
  })
}
