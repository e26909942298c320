// Values in and out of the playground.

/** The arguments of a call as typed: a JSON array, or a single value without the brackets. */
export function parseArgs(text: string): unknown[] {
  const source = text.trim()
  if (source === '') return []
  const value: unknown = JSON.parse(source)
  return Array.isArray(value) ? value : [value]
}

/** Why the text is no JSON, or null when it is. */
export function argsProblem(text: string): string | null {
  try {
    parseArgs(text)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** More than anybody reads, and little enough for a page to lay out at once. */
const LONGEST = 20_000

export function pretty(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (value instanceof Uint8Array) return prettyBytes(value)
  const text = JSON.stringify(value, replaceOdd, 2) ?? String(value)
  if (text.length <= LONGEST) return text
  return `${text.slice(0, LONGEST)}\n… ${text.length - LONGEST} more characters`
}

function prettyBytes(value: Uint8Array): string {
  const head = Array.from(value.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0'))
  return `Uint8Array(${value.length}) ${head.join(' ')}${value.length > 16 ? ' …' : ''}`
}

function replaceOdd(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Uint8Array) return prettyBytes(value)
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Set) return [...value]
  return value
}
