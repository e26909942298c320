// Terminal escapes to styled text: colours and weights are kept, everything else is dropped.

export interface Style {
  /** `0` to `15` from the page's palette, or a CSS colour. */
  color?: number | string
  background?: number | string
  bold?: boolean
  dim?: boolean
  italic?: boolean
  underline?: boolean
}

export interface Segment {
  text: string
  style: Style
}

// CSI sequences, OSC sequences (titles, links), and two-character escapes.
const ESCAPE = /\x1b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g

/** What is left on screen of a line with carriage returns, as a progress bar writes it. */
function lastOverwrite(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line
  return text.slice(text.lastIndexOf('\r') + 1)
}

/** The text alone. */
export function stripAnsi(line: string): string {
  if (!hasControl(line)) return line
  return lastOverwrite(line).replace(ESCAPE, '').replace(CONTROL, '')
}

export function parseAnsi(line: string): Segment[] {
  if (!hasControl(line)) return [{ text: line, style: {} }]
  const text = lastOverwrite(line)
  const segments: Segment[] = []
  let style: Style = {}
  let start = 0
  const push = (end: number) => {
    const piece = text.slice(start, end).replace(CONTROL, '')
    if (piece) segments.push({ text: piece, style })
  }
  for (const match of text.matchAll(ESCAPE)) {
    push(match.index)
    start = match.index + match[0].length
    if (match[2] === 'm') style = applySgr(style, match[1] ?? '')
  }
  push(text.length)
  return segments
}

const hasControl = (line: string) => /[\x00-\x08\x0b-\x1f\x7f]/.test(line)

/** The style after one `ESC [ … m`. */
function applySgr(before: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map(Number)
  let style: Style = { ...before }
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!
    if (code === 0) style = {}
    else if (code === 1) style.bold = true
    else if (code === 2) style.dim = true
    else if (code === 3) style.italic = true
    else if (code === 4) style.underline = true
    else if (code === 22) style = { ...style, bold: false, dim: false }
    else if (code === 23) style.italic = false
    else if (code === 24) style.underline = false
    else if (code >= 30 && code <= 37) style.color = code - 30
    else if (code >= 90 && code <= 97) style.color = code - 90 + 8
    else if (code === 39) delete style.color
    else if (code >= 40 && code <= 47) style.background = code - 40
    else if (code >= 100 && code <= 107) style.background = code - 100 + 8
    else if (code === 49) delete style.background
    else if (code === 38 || code === 48) {
      const [color, used] = extendedColor(codes.slice(i + 1))
      if (color !== null) style[code === 38 ? 'color' : 'background'] = color
      i += used
    }
  }
  return style
}

/** `5;n` of the 256 colours or `2;r;g;b`, and how many parameters that took. */
function extendedColor(codes: number[]): [number | string | null, number] {
  const [mode, a = 0, b = 0, c = 0] = codes
  if (mode === 2) return [`rgb(${a}, ${b}, ${c})`, 4]
  if (mode !== 5) return [null, 0]
  if (a < 16) return [a, 2]
  if (a >= 232) {
    const grey = (a - 232) * 10 + 8
    return [`rgb(${grey}, ${grey}, ${grey})`, 2]
  }
  const level = (value: number) => (value === 0 ? 0 : value * 40 + 55)
  const cube = a - 16
  const [r, g, blue] = [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6]
  return [`rgb(${level(r)}, ${level(g)}, ${level(blue)})`, 2]
}
