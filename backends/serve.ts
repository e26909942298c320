// `serve(api)` serves an API over kkrpc on any of the four runtimes.
import { Buffer } from 'node:buffer'
import process from 'node:process'
import { BunIo, DenoIo, NodeIo, RPCChannel, type IoInterface } from 'kkrpc'
import type { SystemInfo } from './shared-api.ts'

/** The frame API of the embedded engine: whole lines in and out, without line feeds. */
interface FrameApi {
  /** All lines received since the last call, or null at the end of input. Waits for the first line. */
  readAll(): Promise<string[] | null>
  write(line: string): Promise<void> | void
}

type Bytes = AsyncIterable<Uint8Array>

/** Globals that exist in one runtime only. */
interface RuntimeGlobals {
  Bun?: { version: string; stdin: { stream(): Bytes } }
  Deno?: { version: { deno: string }; stdin: { readable: Bytes } }
}

/** Undefined on Node, Deno and Bun: they have no such module. */
const frameApi = process.getBuiltinModule?.('js-runtime:lines') as FrameApi | undefined
const globals = globalThis as unknown as RuntimeGlobals

/**
 * A promise that never settles. kkrpc 0.2.2 reads in a busy loop after the end of input. A read that stays
 * pending leaves the event loop without work, so that the runtime exits.
 */
const pendingForever = (): Promise<never> => new Promise(() => {})

/** A kkrpc adapter for the frame API. */
export class EmbeddedIo implements IoInterface {
  name = 'embedded-io'
  readonly #frameApi: FrameApi

  constructor(frameApi: FrameApi) {
    this.#frameApi = frameApi
  }

  async read(): Promise<string> {
    const lines = await this.#frameApi.readAll()
    // kkrpc treats a line as complete only if a line feed follows.
    return lines === null ? pendingForever() : lines.join('\n') + '\n'
  }

  async write(frame: string): Promise<void> {
    await this.#frameApi.write(frame.endsWith('\n') ? frame.slice(0, -1) : frame)
  }
}

/**
 * Reads chunks that end with a line feed. kkrpc 0.2.2 decodes every chunk separately and drops blank chunks, so
 * a chunk must neither split a UTF-8 sequence nor consist of a line feed only.
 */
function lineReader(source: AsyncIterable<Uint8Array>): () => Promise<Buffer> {
  const chunks = source[Symbol.asyncIterator]()
  let rest: Uint8Array[] = []
  return async () => {
    for (;;) {
      const { value, done } = await chunks.next()
      if (done) return pendingForever()
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

/** Whole lines as a `ReadableStream`, the input of DenoIo and BunIo. */
function lineStream(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const read = lineReader(source)
  return new ReadableStream({ pull: async (sink) => sink.enqueue(await read()) })
}

/** Makes writes sequential: on Bun, concurrent writes that do not fit the pipe mix their bytes. */
function withSequentialWrites(io: IoInterface): IoInterface {
  let last = Promise.resolve()
  return {
    name: io.name,
    read: () => io.read(),
    write: (frame) => (last = last.then(() => io.write(frame))),
  }
}

class NodeLineIo extends NodeIo {
  // NodeIo's own read adds a listener for every chunk and misses chunks that arrive in between.
  override read = lineReader(process.stdin)

  constructor() {
    super(process.stdin, process.stdout)
  }
}

function chooseIo(): IoInterface {
  if (frameApi) return new EmbeddedIo(frameApi)
  if (globals.Deno) return new DenoIo(lineStream(globals.Deno.stdin.readable))
  if (globals.Bun) return withSequentialWrites(new BunIo(lineStream(globals.Bun.stdin.stream())))
  return new NodeLineIo()
}

/** The runtime, its version and the machine. */
export function systemInfo(): SystemInfo {
  const { pid, platform, arch, versions } = process
  const common = { pid, platform, arch }
  const deno = globals.Deno?.version.deno
  if (frameApi) return { runtime: 'embedded', version: deno ?? versions.v8, ...common }
  if (deno) return { runtime: 'deno', version: deno, ...common }
  if (globals.Bun) return { runtime: 'bun', version: globals.Bun.version, ...common }
  return { runtime: 'node', version: versions.node, ...common }
}

/** The methods of `console` that write to stdout; the others write to stderr. */
const stdoutMethods = ['log', 'info', 'debug', 'dir', 'table', 'group', 'count', 'timeEnd'] as const

/** Answers kkrpc calls to `api` on stdin and stdout until stdin ends. `console` writes to stderr from then on. */
export function serve<Api extends object>(api: Api): void {
  // stdout carries frames. kkrpc itself calls console.log in some places.
  for (const method of stdoutMethods) console[method] = console.error
  new RPCChannel(chooseIo(), { expose: api as Record<string, unknown> })
}
