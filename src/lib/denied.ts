// Parses permission errors of Deno.

export interface Denied {
  permission: string
  /** The path, host or variable. Null if the message names none. */
  target: string | null
  /** The JSON that grants the permission in the backend's configuration. */
  grant: string
}

const REFUSAL = /Requires (\w+) access(?: to (?:<?([^">,]+)>?|"([^"]+)"))?[^]*?--allow-(\w+)/

export function deniedIn(text: string): Denied | null {
  // Called for every line of output: the cheap check comes first.
  if (!text.includes('--allow-')) return null
  const match = REFUSAL.exec(text)
  if (!match) return null
  const permission = match[4]!
  const target = match[3] ?? match[2]?.trim() ?? null
  const value = target === null ? 'true' : JSON.stringify([target])
  return { permission, target, grant: `"permissions": { "${permission}": ${value} }` }
}
