// Serves an API over kkrpc on whatever the program runs on: `serve(api)` is all a backend needs.
import { Buffer } from 'node:buffer'
import process from 'node:process'
import { BunIo, DenoIo, NodeIo, RPCChannel, type IoInterface } from 'kkrpc'
import type { SystemInfo } from './shared-api.ts'

/** What the embedded engine installs: whole lines in and out, without their terminators. */
interface LineDoor {
  /** All lines that have come, or null at the end of input. */
  readAll(): Promise<string[] | null>
  write(line: string): Promise<void> | void
}

type Bytes = AsyncIterable<Uint8Array>

/** As `Bun` and `Deno` are: there in one runtime, absent in the others. */
interface Surroundings {
  Bun?: { version: string; stdin: { stream(): Bytes } }
  Deno?: { version: { deno: string }; stdin: { readable: Bytes } }
}

/** Node, Deno and Bun know no such module. */
const lineDoor = process.getBuiltinModule?.('js-runtime:lines') as LineDoor | undefined
const here = globalThis as unknown as Surroundings

/**
 * A promise that never settles. kkrpc 0.2.2 reads on at the end of input, for ever and without a
 * pause; a read that stays pending lets the runtime see that nothing is left to do, and end.
 */
const parked = (): Promise<never> => new Promise(() => {})

/** kkrpc's view of the line door. */
export class EmbeddedIo implements IoInterface {
  name = 'embedded-io'
  readonly #door: LineDoor

  constructor(door: LineDoor) {
    this.#door = door
  }

  async read(): Promise<string> {
    const lines = await this.#door.readAll()
    // The terminator is what makes kkrpc take the last of them for complete.
    return lines === null ? parked() : lines.join('\n') + '\n'
  }

  async write(frame: string): Promise<void> {
    await this.#door.write(frame.endsWith('\n') ? frame.slice(0, -1) : frame)
  }
}

/**
 * Reads chunks that end with a line. kkrpc 0.2.2 decodes every chunk by itself and drops blank
 * ones, so a chunk must neither split a UTF-8 sequence nor consist of a line end alone.
 */
function lineReader(source: AsyncIterable<Uint8Array>): () => Promise<Buffer> {
  const chunks = source[Symbol.asyncIterator]()
  let rest: Uint8Array[] = []
  return async () => {
    for (;;) {
      const { value, done } = await chunks.next()
      if (done) return parked()
      const end = value.lastIndexOf(0x0a) + 1
      const head = value.subarray(0, end)
      const tail = value.subarray(end)
      if (end === 0) {
        rest.push(tail)
        continue
      }
      const lines = Buffer.concat([...rest, head])
      rest = [tail]
      return lines
    }
  }
}

/** The input of a `ReadableStream` reader: what DenoIo and BunIo take, here in whole lines. */
function lineStream(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const read = lineReader(source)
  return new ReadableStream({ pull: async (sink) => sink.enqueue(await read()) })
}

/** One write after the other: two that do not fit the pipe would mix their bytes on Bun. */
function inTurn(io: IoInterface): IoInterface {
  let last = Promise.resolve()
  return {
    name: io.name,
    read: () => io.read(),
    write: (frame) => (last = last.then(() => io.write(frame))),
  }
}

class NodeLineIo extends NodeIo {
  // NodeIo's own read listens anew for every chunk, and so misses what comes in between.
  override read = lineReader(process.stdin)

  constructor() {
    super(process.stdin, process.stdout)
  }
}

function chooseIo(): IoInterface {
  if (lineDoor) return new EmbeddedIo(lineDoor)
  if (here.Deno) return new DenoIo(lineStream(here.Deno.stdin.readable))
  if (here.Bun) return inTurn(new BunIo(lineStream(here.Bun.stdin.stream())))
  return new NodeLineIo()
}

/** Where this program runs, and as what. */
export function systemInfo(): SystemInfo {
  const { pid, platform, arch, versions } = process
  const common = { pid, platform, arch }
  const deno = here.Deno?.version.deno
  if (lineDoor) return { runtime: 'embedded', version: deno ?? versions.v8, ...common }
  if (deno) return { runtime: 'deno', version: deno, ...common }
  if (here.Bun) return { runtime: 'bun', version: here.Bun.version, ...common }
  return { runtime: 'node', version: versions.node, ...common }
}

/** What prints to stdout; the rest of console already goes to stderr. */
const toStdout = ['log', 'info', 'debug', 'dir', 'table', 'group', 'count', 'timeEnd'] as const

/** Answers kkrpc calls to `api` on stdin and stdout until stdin ends. */
export function serve<Api extends object>(api: Api): void {
  // stdout carries frames: a stray console.log (kkrpc itself has some) belongs on stderr.
  for (const method of toStdout) console[method] = console.error
  new RPCChannel(chooseIo(), { expose: api as Record<string, unknown> })
}
