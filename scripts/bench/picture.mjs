/**
 * Draws the factors by which the embedded engine is better than the best child, on a logarithmic scale. Figures of a
 * page compare with the best child of tauri-plugin-js.
 */

const width = 720
const rowHeight = 30
const labelWidth = 200
const barWidth = 400
const top = 60

/** Figures with their labels, in drawing order. Other figures are not drawn. */
const labels = [
  ['start, warm', 'start to first line'],
  ['start', 'the same, nothing prepared'],
  ['round trip, 64 B', 'round trip'],
  ['lines of 64 B', 'short lines a second'],
  ['kkrpc calls', 'kkrpc calls a second'],
  ['lines of 64 KiB', '64 KiB frames a second'],
  ['lines of 1 MiB', '1 MiB frames a second'],
  ['memory of a further one', 'memory of a further one'],
  ['page: round trip', 'page: round trip'],
  ['page: flood of 50 000 lines', 'page: flood of lines'],
  ['page: echo of 1 MiB', 'page: 1 MiB frames a second'],
]

export function picture(rows) {
  const drawn = labels.flatMap(([figure, label]) => {
    const row = rows.find((row) => row.figure === figure)
    return row?.times ? [{ label, ...row }] : []
  })
  const all = drawn.map(({ times }) => times)
  const [min, max] = [Math.min(0.5, ...all), Math.max(2, ...all)]
  /** The position of a factor. */
  const x = (times) => labelWidth + (Math.log(times / min) / Math.log(max / min)) * barWidth
  const height = top + drawn.length * rowHeight + 16
  const bars = drawn.map(({ label, times, best }, index) => {
    const y = top + index * rowHeight
    const [from, to] = [Math.min(x(1), x(times)), Math.max(x(1), x(times))]
    const length = Math.max(2, to - from)
    const note = `${times.toFixed(1)}x (${best.subject})`
    return [
      `  <text x="${labelWidth - 10}" y="${y + 18}" text-anchor="end">${label}</text>`,
      `  <rect class="${times < 1 ? 'worse' : 'better'}" x="${from.toFixed(1)}" y="${y + 4}" width="${length.toFixed(1)}" height="20"/>`,
      `  <text x="${(from + length + 8).toFixed(1)}" y="${y + 18}">${note}</text>`,
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
    line { stroke: #8b949e; stroke-dasharray: 3 3; }
  </style>
  <text x="${labelWidth}" y="22">times better than the best of Bun, Deno and Node as a child</text>
${grid.join('\n')}
${bars.join('\n')}
</svg>
`
}
