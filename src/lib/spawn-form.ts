// The form that starts an undeclared process.
import type { Runtime, SpawnConfig } from 'tauri-plugin-js-api'
import { NOT_IN_BUILD } from './engine'

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
  ['sidecar', 'A sidecar of the app'],
]

export interface RuntimeChoice {
  runtime: Runtime
  label: string
  disabled: boolean
}

const CHOICES: [Runtime, string][] = [
  ['auto', 'First available'],
  ['embedded', 'Embedded'],
  ['deno', 'Deno'],
  ['bun', 'Bun'],
  ['node', 'Node'],
]

export function runtimeChoices(hasEngine: boolean): RuntimeChoice[] {
  return CHOICES.map(([runtime, label]) => {
    const disabled = runtime === 'embedded' && !hasEngine
    return { runtime, label: disabled ? `${label} (${NOT_IN_BUILD})` : label, disabled }
  })
}

export const blankForm = (): SpawnForm => ({
  name: '',
  kind: 'script',
  value: '',
  runtime: 'auto',
  args: '',
  heapMb: null,
})

/** True if the embedded engine may run it. Only the engine enforces a heap limit. */
export function mayBeEmbedded({ kind, runtime }: SpawnForm, hasEngine: boolean): boolean {
  return kind === 'script' && hasEngine && (runtime === 'embedded' || runtime === 'auto')
}

export function configOf(form: SpawnForm, hasEngine: boolean): SpawnConfig {
  const value = form.value.trim()
  const args = form.args.split(/\s+/).filter(Boolean)
  const config: SpawnConfig = args.length > 0 ? { args } : {}
  if (form.kind === 'command') return { ...config, command: value }
  if (form.kind === 'sidecar') return { ...config, sidecar: value }
  if (form.heapMb && mayBeEmbedded(form, hasEngine)) config.limits = { heapMb: form.heapMb }
  return { ...config, script: value, runtime: form.runtime }
}
