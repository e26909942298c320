/** The table of packages in `docs/packages.md`: expected results with handwritten reasons. */
import { packages } from './list.mjs'

const row = /^\| `([^`]+)` +\| ([^|]*) \| ([^|]*) \| ([^|]*) \| (.*) \|$/gm

/** The rows by name. */
export function expectations(document) {
  const rows = [...document.matchAll(row)].map((cells) => cells.slice(1).map((cell) => cell.trim()))
  return new Map(
    rows.map(([name, version, imported, use, why]) => [
      name,
      { name, version, import: imported, use, why },
    ]),
  )
}

/** The differences between results and the table, as sentences. */
export function differences(results, expected) {
  const sentences = []
  for (const { name, ...result } of results) {
    const known = expected.get(name)
    if (known?.version !== packages[name]) {
      sentences.push(`${name} ${packages[name]} is not in the table`)
      continue
    }
    for (const action of ['import', 'use']) {
      if (known[action] !== result[action]) {
        sentences.push(`${name}, ${action}: expected "${known[action]}", got "${result[action]}"`)
      }
    }
    if (!worksFully(result) && !known.why) sentences.push(`${name}: the table has no reason`)
  }
  const unknown = [...expected.keys()].filter((name) => !(name in packages))
  return [...sentences, ...unknown.map((name) => `${name} is in the table but not in the list`)]
}

function worksFully(result) {
  return result.import === 'works' && result.use === 'works'
}

/** The document with a row for each result. Preserves reasons. */
export function withResults(document, results, expected) {
  const lines = results.map((result) => {
    const why = expected.get(result.name)?.why ?? ''
    const cells = [`\`${result.name}\``, packages[result.name], result.import, result.use, why]
    return `| ${cells.join(' | ')} |`
  })
  const head = ['| package | version | import | use | why |', '| --- | --- | --- | --- | --- |']
  const start = document.indexOf(head[0])
  const before = start < 0 ? `${document.trimEnd()}\n\n` : document.slice(0, start)
  const after = start < 0 ? '' : document.slice(start).replace(/^(?:\|.*\n)+/, '')
  return `${before}${[...head, ...lines].join('\n')}\n${after}`
}
