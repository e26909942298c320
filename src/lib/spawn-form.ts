// The form for a free start, and the configuration that it makes.
import type { Runtime, SpawnConfig } from 'tauri-plugin-js-api'

export type Kind = 'script' | 'command' | 'sidecar'

export interface SpawnForm {
  name: string
  kind: Kind
  value: string
  runtime: Runtime
  args: string
  /** Null while the field is empty. */
  heapMb: number | null
}

export const KINDS: [Kind, string][] = [
  ['script', 'A script'],
  ['command', 'A program'],
  ['sidecar', 'A program beside the app'],
]

export const RUNTIME_CHOICES: [Runtime, string][] = [
  ['auto', 'The first that is there'],
  ['embedded', 'Embedded'],
  ['deno', 'Deno'],
  ['bun', 'Bun'],
  ['node', 'Node'],
]

export const blankForm = (): SpawnForm => ({
  name: '',
  kind: 'script',
  value: '',
  runtime: 'auto',
  args: '',
  heapMb: null,
})

export function configOf(form: SpawnForm): SpawnConfig {
  const value = form.value.trim()
  const args = form.args.split(/\s+/).filter(Boolean)
  const config: SpawnConfig = args.length > 0 ? { args } : {}
  if (form.kind === 'command') return { ...config, command: value }
  if (form.kind === 'sidecar') return { ...config, sidecar: value }
  const embedded = form.runtime === 'embedded' || form.runtime === 'auto'
  if (form.heapMb && embedded) config.limits = { heapMb: form.heapMb }
  return { ...config, script: value, runtime: form.runtime }
}
