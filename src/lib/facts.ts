// The configuration of a process as names and values. Default values are omitted.
import type { ProcessConfig, ProcessInfo } from 'tauri-plugin-js-api'
import { runtimeLabel } from './describe'
import { millis } from './format'

export type Fact = [name: string, value: string]

export function facts(config: ProcessConfig, info: ProcessInfo): Fact[] {
  const { limits, restart, detached } = config
  /** Marks a limit that only the embedded engine enforces. */
  const engineOnly = (text: string | undefined | false) =>
    text && info.runtime !== null && info.runtime !== 'embedded' ? `${text} (embedded only)` : text
  const found: [string, string | null | undefined | false][] = [
    ['Script', config.script],
    ['Program', config.command ?? config.sidecar],
    ['Runtime', runtimeText(config, info)],
    ['Arguments', config.args.join(' ')],
    ['Runtime flags', config.runtimeArgs.join(' ')],
    ['Working directory', config.cwd],
    ['Variables', config.env.join(', ')],
    ['Heap limit', engineOnly(amount(limits?.heapMb, 'MB'))],
    ['Buffer limit', engineOnly(amount(limits?.arrayBufferMb, 'MB'))],
    ['Memory limit', engineOnly(amount(limits?.memoryMb, 'MB'))],
    ['Open files', engineOnly(limits?.openFiles !== undefined && `${limits.openFiles} at most`)],
    ['Line limit', amount(limits?.lineMb, 'MB')],
    ['Start timeout', amount(limits?.startTimeoutMs, 'ms')],
    [
      'Unresponsive after',
      engineOnly(limits?.unresponsiveMs === 0 ? 'never' : amount(limits?.unresponsiveMs, 'ms')),
    ],
    ['When unresponsive', engineOnly(limits?.killUnresponsive === true && 'killed')],
    ['Kill grace period', amount(limits?.killGraceMs, 'ms')],
    ['Restart', restart && (restart.when === 'always' ? 'always' : 'on failure')],
    ['Detached programs', detached === 'end' && 'end with it'],
    ['Framing', config.framing === 'bytes' && 'bytes'],
    ['Started in', info.startMs !== null && millis(info.startMs)],
    [
      'Starts',
      info.restarts
        ? `${info.generation}, ${info.restarts} by the restart policy`
        : `${info.generation}`,
    ],
  ]
  return found.flatMap(([name, value]) => (value ? [[name, value] satisfies Fact] : []))
}

const amount = (value: number | null | undefined, unit: string) =>
  value != null && `${value} ${unit}`

/** The runtime, the requested runtime if it differs, and the fallbacks. */
function runtimeText({ runtime, fallback }: ProcessConfig, info: ProcessInfo): string | null {
  if (info.runtime === null && runtime == null) return null
  const requested = runtimeLabel(runtime ?? 'auto')
  const actual = runtimeLabel(info.runtime)
  const text =
    requested === actual || info.runtime === null
      ? requested
      : `${actual} (requested: ${requested})`
  return fallback.length > 0 ? `${text}, else ${fallback.map(runtimeLabel).join(', ')}` : text
}
