// Which lines of stdout are RPC: kkrpc's frames and the worker's own output share the pipe.

export interface Frame {
  id: string
  type: 'request' | 'response' | 'callback'
}

// Either `{"id":…}` or superjson's `{"json":{"id":…}}`; the keys' order is kkrpc's own.
const FRAME = /^\{(?:"json":\{)?"id":"([0-9a-f-]+)",/
const TYPE = /"type":"(request|response|callback)"/

/** The frame that a line is, or null when it is ordinary output. */
export function frameOf(line: string): Frame | null {
  const id = FRAME.exec(line)?.[1]
  if (!id) return null
  // The type follows the arguments, which may be long and may contain the same words.
  const type = TYPE.exec(line.slice(-160))?.[1] ?? TYPE.exec(line)?.[1]
  return type ? { id, type: type as Frame['type'] } : null
}
