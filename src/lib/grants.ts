// The permissions of a backend as rows of a table.
import type { Grant, Permissions, Runtime } from 'tauri-plugin-js-api'

export interface GrantRow {
  kind: string
  level: 'all' | 'some' | 'none'
  text: string
}

const KINDS = ['read', 'write', 'net', 'env', 'run', 'sys', 'import'] as const

const ABOUT: Record<(typeof KINDS)[number], string> = {
  read: 'reading files',
  write: 'writing files',
  net: 'connecting to hosts',
  env: 'environment variables',
  run: 'starting programs',
  sys: 'information about this machine',
  import: 'importing modules from hosts',
}

/** Bun, Node and other programs ignore permissions. */
export const hasPermissions = (runtime: Runtime | null) =>
  runtime === 'embedded' || runtime === 'deno'

/** Always granted: the script is loaded from it. */
const OWN_FOLDER = 'the script’s own folder'

export function grants(permissions: Partial<Permissions> | null | undefined): GrantRow[] {
  return KINDS.map((kind) => {
    const { level, list } = levelOf(permissions?.all ? true : permissions?.[kind])
    if (kind === 'read' && level !== 'all') {
      return { kind, level: 'some', text: [OWN_FOLDER, ...list].join(', ') }
    }
    return { kind, level, text: level === 'some' ? list.join(', ') : ABOUT[kind] }
  })
}

function levelOf(grant: Grant | undefined): { level: GrantRow['level']; list: string[] } {
  if (grant === true) return { level: 'all', list: [] }
  if (!grant || grant.length === 0) return { level: 'none', list: [] }
  return { level: 'some', list: grant }
}
