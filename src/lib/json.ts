// Parses arguments and formats results of the playground.

/** Parses a JSON array, or a single value without brackets. */
export function parseArgs(text: string): unknown[] {
  const source = text.trim()
  if (source === '') return []
  const value: unknown = JSON.parse(source)
  return Array.isArray(value) ? value : [value]
}

/** The syntax error of the arguments, or null. */
export function argsProblem(text: string): string | null {
  try {
    parseArgs(text)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Longer text is slow to lay out. */
const MAX_CHARS = 20_000

export function pretty(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (value instanceof Uint8Array) return prettyBytes(value)
  const text = JSON.stringify(value, replaceUnsupported, 2) ?? String(value)
  if (text.length <= MAX_CHARS) return text
  return `${text.slice(0, MAX_CHARS)}\n… ${text.length - MAX_CHARS} more characters`
}

function prettyBytes(value: Uint8Array): string {
  const head = Array.from(value.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0'))
  return `Uint8Array(${value.length}) ${head.join(' ')}${value.length > 16 ? ' …' : ''}`
}

function replaceUnsupported(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Uint8Array) return prettyBytes(value)
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Set) return [...value]
  return value
}
