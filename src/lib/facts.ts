// How a process was started, as names and values; what is left to defaults is left out.
import type { ProcessConfig, ProcessInfo } from 'tauri-plugin-js-api'
import { runtimeLabel } from './describe'
import { millis } from './format'

export type Fact = [name: string, value: string]

export function facts(config: ProcessConfig, info: ProcessInfo): Fact[] {
  const { limits, restart, detached } = config
  /** A limit that only the engine keeps to. */
  const ofEngine = (text: string | undefined | false) =>
    text && info.runtime !== null && info.runtime !== 'embedded' ? `${text} (embedded only)` : text
  const found: [string, string | null | undefined | false][] = [
    ['Script', config.script],
    ['Program', config.command ?? config.sidecar],
    ['Runtime', runtimeText(config, info)],
    ['Arguments', config.args.join(' ')],
    ['Runtime flags', config.runtimeArgs.join(' ')],
    ['Folder', config.cwd],
    ['Variables', config.env.join(', ')],
    ['Heap limit', ofEngine(amount(limits?.heapMb, 'MB'))],
    ['Buffer limit', ofEngine(amount(limits?.arrayBufferMb, 'MB'))],
    ['Memory limit', ofEngine(amount(limits?.memoryMb, 'MB'))],
    ['Open files', ofEngine(limits?.openFiles !== undefined && `${limits.openFiles} at most`)],
    ['Longest line', amount(limits?.lineMb, 'MB')],
    ['Time to start', amount(limits?.startTimeoutMs, 'ms')],
    [
      'Turn of its loop',
      ofEngine(limits?.unresponsiveMs === 0 ? 'any time' : amount(limits?.unresponsiveMs, 'ms')),
    ],
    ['When it is stuck', ofEngine(limits?.killUnresponsive === true && 'it is ended')],
    ['Grace at kill', amount(limits?.killGraceMs, 'ms')],
    ['Restart', restart && (restart.when === 'always' ? 'always' : 'on failure')],
    ['Detached programs', detached === 'end' && 'end with it'],
    ['Framing', config.framing === 'bytes' && 'bytes'],
    ['Started in', info.startMs !== null && millis(info.startMs)],
    [
      'Starts',
      info.restarts ? `${info.generation}, ${info.restarts} by itself` : `${info.generation}`,
    ],
  ]
  return found.flatMap(([name, value]) => (value ? [[name, value] satisfies Fact] : []))
}

const amount = (value: number | null | undefined, unit: string) =>
  value != null && `${value} ${unit}`

/** What runs it, and what else was to be tried. */
function runtimeText({ runtime, fallback }: ProcessConfig, info: ProcessInfo): string | null {
  if (info.runtime === null && runtime == null) return null
  const asked = runtimeLabel(runtime ?? 'auto')
  const actual = runtimeLabel(info.runtime)
  const text = asked === actual || info.runtime === null ? asked : `${actual} (asked for ${asked})`
  return fallback.length > 0 ? `${text}, else ${fallback.map(runtimeLabel).join(', ')}` : text
}
