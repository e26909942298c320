/**
 * The comparison as a picture: how many times better the embedded engine is than the best child, and
 * in the page than the best child of tauri-plugin-js.
 */

const width = 720
const rowHeight = 30
const labelWidth = 200
const barWidth = 380
const top = 44

/** Words for a row, in the order in which they are drawn; figures without words are left out. */
const shown = [
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
  const drawn = shown.flatMap(([figure, words]) => {
    const row = rows.find((row) => row.figure === figure)
    return row?.times ? [{ words, ...row }] : []
  })
  const most = Math.max(1, ...drawn.map(({ times }) => times))
  const height = top + drawn.length * rowHeight + 16
  const bars = drawn.map(({ words, times, best }, index) => {
    const y = top + index * rowHeight
    const length = Math.max(2, (times / most) * barWidth)
    const note = `${times.toFixed(1)}x (${best.subject})`
    return [
      `  <text x="${labelWidth - 10}" y="${y + 18}" text-anchor="end">${words}</text>`,
      `  <rect x="${labelWidth}" y="${y + 4}" width="${length.toFixed(1)}" height="20" rx="3"/>`,
      `  <text x="${(labelWidth + length + 8).toFixed(1)}" y="${y + 18}">${note}</text>`,
    ].join('\n')
  })
  const line = labelWidth + barWidth / most
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
  <title>How many times better an embedded backend is than the best child process</title>
  <style>
    text { font: 13px system-ui, sans-serif; fill: #57606a; }
    rect { fill: #2f81f7; }
    line { stroke: #8b949e; stroke-dasharray: 3 3; }
  </style>
  <text x="${labelWidth}" y="22">times better than the best of Bun, Deno and Node as a child</text>
${bars.join('\n')}
  <line x1="${line.toFixed(1)}" x2="${line.toFixed(1)}" y1="${top - 6}" y2="${height - 12}"/>
</svg>
`
}
