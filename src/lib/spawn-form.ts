// The form for a free start, and the configuration that it makes.
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
  ['sidecar', 'A program beside the app'],
]

export interface RuntimeChoice {
  runtime: Runtime
  label: string
  /** It is shown, but cannot be chosen. */
  disabled: boolean
}

const CHOICES: [Runtime, string][] = [
  ['auto', 'The first that is there'],
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

/** Whether the embedded engine may run it, which alone keeps to a heap limit. */
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
