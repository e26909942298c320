/**
 * Draws the factors by which an embedded backend is better than the best child, on a logarithmic scale, with their
 * spread. Figures of a page compare with the best child of tauri-plugin-js.
 */
import { isEqual } from './rows.mjs'

const width = 720
const rowHeight = 30
const labelWidth = 210
const barWidth = 370
const top = 60

export function picture(comparisons) {
  const drawn = comparisons.flatMap(({ label, better, theirs }) =>
    label && Number.isFinite(better?.times) ? [{ label, theirs, ...better }] : [],
  )
  const all = drawn.flatMap(({ low, high }) => [low, high]).filter(Number.isFinite)
  const [min, max] = [Math.min(0.5, ...all), Math.max(2, ...all)]
  /** The position of a factor. */
  const x = (times) => labelWidth + (Math.log(times / min) / Math.log(max / min)) * barWidth
  const height = top + drawn.length * rowHeight + 16
  const bars = drawn.map(({ label, times, low, high, theirs }, index) => {
    const y = top + index * rowHeight
    const [from, to] = [Math.min(x(1), x(times)), Math.max(x(1), x(times))]
    const length = Math.max(2, to - from)
    const factor = isEqual({ low, high }) ? 'equal' : `${times.toFixed(1)}x`
    const note = `${factor} (${theirs.subject})`
    const end = Math.max(from + length, x(high))
    return [
      `  <text x="${labelWidth - 10}" y="${y + 18}" text-anchor="end">${label}</text>`,
      `  <rect class="${times < 1 ? 'worse' : 'better'}" x="${from.toFixed(1)}" y="${y + 4}" width="${length.toFixed(1)}" height="20"/>`,
      `  <path class="spread" d="M${x(low).toFixed(1)} ${y + 14}H${x(high).toFixed(1)}"/>`,
      `  <text x="${(end + 8).toFixed(1)}" y="${y + 18}">${note}</text>`,
    ].join('\n')
  })
  const lines = [0.5, 1, 2, 5, 10, 20, 50].filter((times) => times >= min && times <= max)
  const grid = lines.map((times) => {
    const at = x(times).toFixed(1)
    return [
      `  <text x="${at}" y="${top - 12}" text-anchor="middle">${times}x</text>`,
      `  <line x1="${at}" x2="${at}" y1="${top - 6}" y2="${height - 12}"/>`,
    ].join('\n')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
  <title>How many times better an embedded backend is than the best child process</title>
  <style>
    text { font: 13px system-ui, sans-serif; fill: #57606a; }
    .better { fill: #2f81f7; }
    .worse { fill: #d29922; }
    .spread { stroke: #24292f; stroke-width: 2; }
    line { stroke: #8b949e; stroke-dasharray: 3 3; }
  </style>
  <text x="${labelWidth}" y="22">times better than the best of Bun, Deno and Node as a child</text>
${grid.join('\n')}
${bars.join('\n')}
</svg>
`
}
