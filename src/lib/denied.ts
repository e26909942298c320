// A call that Deno refused, and what to grant so that it is allowed.

export interface Denied {
  permission: string
  /** What was asked for; null when Deno names nothing. */
  target: string | null
  /** The line to add to the backend's `permissions`. */
  grant: string
}

const REFUSAL = /Requires (\w+) access(?: to (?:<?([^">,]+)>?|"([^"]+)"))?[^]*?--allow-(\w+)/

export function deniedIn(text: string): Denied | null {
  // Nearly every line passes here: most are told apart by this alone.
  if (!text.includes('--allow-')) return null
  const match = REFUSAL.exec(text)
  if (!match) return null
  const permission = match[4]!
  const target = match[3] ?? match[2]?.trim() ?? null
  const value = target === null ? 'true' : JSON.stringify([target])
  return { permission, target, grant: `"permissions": { "${permission}": ${value} }` }
}
