// Converts terminal escapes to styled text. Colours and weights stay; other escapes are removed.
import {
  createColorPalette,
  namedColors,
  parseAnsiSequences,
  type ColorName,
  type DecorationType,
} from 'ansi-sequence-parser'

export interface Segment {
  text: string
  /** CSS colours, null for the default. */
  color: string | null
  background: string | null
  decorations: ReadonlySet<DecorationType>
}

// CSI sequences, OSC sequences (titles, links), and two-character escapes.
const ESCAPE = /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g
const CONTROL_EXCEPT_STYLES = /\x1b(?!\[[\d;]+m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]/g

/** The 16 named colours are those of the page. */
const palette = createColorPalette(
  Object.fromEntries(namedColors.map((name, i) => [name, `var(--ansi-${i})`])) as Record<
    ColorName,
    string
  >,
)

/** The text after the last carriage return: progress bars overwrite their line. */
function lastOverwrite(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line
  return text.slice(text.lastIndexOf('\r') + 1)
}

/** The text without escapes and control characters. */
export function stripAnsi(line: string): string {
  return lastOverwrite(line).replace(ESCAPE, '').replace(CONTROL, '')
}

/** Splits a line into segments of equal style. */
export function parseAnsi(line: string): Segment[] {
  const text = lastOverwrite(line)
    .replace(ESCAPE, (_, parameters, final) => (final === 'm' ? styleEscape(parameters) : ''))
    .replace(CONTROL_EXCEPT_STYLES, '')
  return parseAnsiSequences(text).map(({ value, foreground, background, decorations }) => ({
    text: value,
    color: foreground && palette.value(foreground),
    background: background && palette.value(background),
    decorations,
  }))
}

/** Normalizes a style escape for the parser, which ignores empty parameters and knows no colons. */
function styleEscape(parameters: string): string {
  if (/[<=>?]/.test(parameters)) return ''
  const codes = parameters.split(/[;:]/).map((code) => code || '0')
  return `\x1b[${codes.join(';')}m`
}
