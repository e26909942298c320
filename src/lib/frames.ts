// Recognises kkrpc frames among the lines of stdout.

export interface Frame {
  id: string
  type: 'request' | 'response' | 'callback'
}

// `{"id":…}`, or `{"json":{"id":…}}` from superjson. kkrpc writes the keys in this order.
const FRAME = /^\{(?:"json":\{)?"id":"([0-9a-f-]+)",/
const TYPE = /"type":"(request|response|callback)"/

/** Null if the line is not a frame. */
export function frameOf(line: string): Frame | null {
  const id = FRAME.exec(line)?.[1]
  if (!id) return null
  // The type comes after the arguments, which may be long and may contain the same text.
  const type = TYPE.exec(line.slice(-160))?.[1] ?? TYPE.exec(line)?.[1]
  return type ? { id, type: type as Frame['type'] } : null
}
