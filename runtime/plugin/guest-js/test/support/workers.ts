/** Fake backends for both of kkrpc's wire formats. */
import { RPCChannel, type IoInterface } from 'kkrpc'
import type { FakeProcess } from './process.ts'

/** Serves an API with kkrpc 0.2.2 on the stdio of a process. Returns the API of the page. */
export function serveClassic<Remote extends object = object>(
  process: FakeProcess,
  api: object,
): Remote {
  const lines: string[] = []
  let wake: ((line: string) => void) | null = null
  process.onLine = (line) => {
    const reader = wake
    wake = null
    if (reader) reader(line + '\n')
    else lines.push(line + '\n')
  }
  const io: IoInterface = {
    name: 'fake-stdio',
    read: () => {
      const line = lines.shift()
      return line === undefined
        ? new Promise<string>((resolve) => (wake = resolve))
        : Promise.resolve(line)
    },
    write: async (frame) => process.print(...frame.split('\n').filter(Boolean)),
  }
  const channel = new RPCChannel(io, { expose: api as Record<string, unknown> })
  return channel.getAPI() as Remote
}

interface Argument {
  __kkrpc_next_arg__: 'value' | 'callback'
  v?: unknown
  id?: string
}

interface CompactRequest {
  t: string
  id: string
  p: string[]
  a?: Argument[]
}

/** Serves an API with the wire format of kkrpc 1.0 and later. */
export function serveCompact(process: FakeProcess, api: Record<string, unknown>): void {
  const send = (message: object) => process.print(JSON.stringify(message))
  const decode = (argument: Argument) =>
    argument.__kkrpc_next_arg__ === 'callback'
      ? (...values: unknown[]) => send({ t: 'cb', id: argument.id, a: values.map(value) })
      : argument.v
  process.onLine = async (line) => {
    const request = JSON.parse(line) as CompactRequest
    if (request.t !== 'q') return
    try {
      const method = api[request.p.join('.')] as (...args: unknown[]) => unknown
      send({ t: 'r', id: request.id, v: await method(...(request.a ?? []).map(decode)) })
    } catch (error) {
      send({ t: 'r', id: request.id, e: { n: 'Error', m: (error as Error).message } })
    }
  }
}

const value = (v: unknown): Argument => ({ __kkrpc_next_arg__: 'value', v })
