/**
 * Lines on standard input and output, on each runtime: the frame API of the embedded engine, buffered
 * streams elsewhere.
 */

/** A connection by lines. */
export interface Lines {
  /** Reads until the end of the input. `receive` gets complete lines without their ends. */
  read(receive: (lines: string[]) => void): Promise<void>
  /** Writes complete lines, in order. Lines are lost when stdout has no reader any more. */
  write(lines: string[]): void
  /** Resolves when everything that was written has left this program. */
  flushed(): Promise<void>
}

/** The built-in module of the embedded engine. */
interface FrameApi {
  readAll(): Promise<string[] | null>
  writeAll(lines: string[]): void
}

type Bytes = AsyncIterable<Uint8Array>

/** What the runtimes have beside the web's globals. */
interface Globals {
  process?: {
    getBuiltinModule?(name: string): unknown
    stdin: AsyncIterable<Uint8Array> & { resume(): void }
    stdout: {
      write(text: string, done?: (error?: Error | null) => void): boolean
      on(event: 'error', listener: (error: Error) => void): void
    }
  }
  Deno?: {
    stdin: { readable: Bytes }
    stdout: { writeSync(bytes: Uint8Array): number }
  }
  Bun?: {
    stdin: { stream(): Bytes }
    stdout: { writer(): { write(text: string): number; flush(): number | Promise<number> } }
  }
}

const globals = globalThis as unknown as Globals

/** The lines of this program. */
export function standardLines(): Lines {
  const frames = globals.process?.getBuiltinModule?.('js-runtime:lines') as FrameApi | undefined
  if (frames) return embeddedLines(frames)
  if (globals.Deno) return denoLines(globals.Deno)
  if (globals.Bun) return bunLines(globals.Bun)
  return nodeLines(globals.process!)
}

function embeddedLines(frames: FrameApi): Lines {
  return {
    async read(receive) {
      for (let lines; (lines = await frames.readAll()) !== null;) receive(lines)
    },
    write: (lines) => frames.writeAll(lines),
    flushed: () => Promise.resolve(),
  }
}

function denoLines({ stdin, stdout }: NonNullable<Globals['Deno']>): Lines {
  const encoder = new TextEncoder()
  const write = (lines: string[]) => {
    let bytes = encoder.encode(joined(lines))
    // A write to a full pipe takes a part.
    while (bytes.length > 0) bytes = bytes.subarray(stdout.writeSync(bytes))
  }
  return {
    read: (receive) => readLines(stdin.readable, receive),
    write(lines) {
      try {
        write(lines)
      } catch (error) {
        reportLost(error)
      }
    },
    flushed: () => Promise.resolve(),
  }
}

function bunLines({ stdin, stdout }: NonNullable<Globals['Bun']>): Lines {
  const writer = stdout.writer()
  let last: number | Promise<number> = 0
  return {
    read: (receive) => readLines(stdin.stream(), receive),
    write(lines) {
      try {
        writer.write(joined(lines))
        last = writer.flush()
        if (typeof last !== 'number') last.catch(reportLost)
      } catch (error) {
        reportLost(error)
      }
    },
    async flushed() {
      await last
    },
  }
}

function nodeLines({ stdin, stdout }: NonNullable<Globals['process']>): Lines {
  let flush: Promise<void> = Promise.resolve()
  stdout.on('error', reportLost)
  return {
    read: (receive) => readLines(stdin, receive),
    write(lines) {
      flush = new Promise((resolve) => stdout.write(joined(lines), () => resolve()))
    },
    flushed: () => flush,
  }
}

let isLost = false

/** Reports once that stdout has no reader: the end of stdin follows. */
function reportLost(error: unknown): void {
  if (!isLost) console.error('stdout is closed:', error)
  isLost = true
}

function joined(lines: string[]): string {
  return lines.length === 1 ? lines[0] + '\n' : lines.join('\n') + '\n'
}

/** Decodes and splits a stream of bytes. A character is never split. */
async function readLines(source: Bytes, receive: (lines: string[]) => void): Promise<void> {
  const decoder = new TextDecoder()
  /** The beginning of a line, in pieces: a long line comes in many chunks. */
  let rest: string[] = []
  for await (const chunk of source) {
    const text = decoder.decode(chunk, { stream: true })
    const end = text.lastIndexOf('\n')
    if (end < 0) {
      rest.push(text)
      continue
    }
    rest.push(text.slice(0, end))
    const lines = rest.join('').split('\n')
    rest = end + 1 < text.length ? [text.slice(end + 1)] : []
    receive(lines)
  }
  rest.push(decoder.decode())
  const last = rest.join('')
  if (last !== '') receive([last])
}
