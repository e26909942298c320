/** The list of tests that pass on Deno alone and why, in `docs/node-suite.md`; and comparing a run with it. */
import { startsExecPath } from './tests.mjs'

/** Reads the names and reasons from the table rows of the document: "| `test-x` | reason |". */
export function listed(document) {
  const rows = [...document.matchAll(/^\| `(test-[^`]+)` +\| (.+?) +\|$/gm)]
  return new Map(rows.map(([, name, reason]) => [name, reason]))
}

/**
 * What passes on Deno alone, sorted by kind, and what of it is neither in the list nor starts process.execPath.
 *
 * @param {{ name: string, kind: string, deno: string, engine?: string }[]} results
 * @param {Map<string, string>} expected names with reasons
 */
export function compare(results, expected) {
  const alone = results.filter(({ deno, engine }) => deno === 'passed' && engine !== 'passed')
  const kinds = Map.groupBy ? Map.groupBy(alone, ({ kind }) => kind) : groupBy(alone)
  return {
    alone,
    kinds: [...kinds].sort(([, a], [, b]) => b.length - a.length),
    unexpected: alone.filter(({ name, kind }) => kind !== startsExecPath && !expected.has(name)),
    mended: results.filter(({ name, engine }) => engine === 'passed' && expected.has(name)),
  }
}

function groupBy(results) {
  const groups = new Map()
  for (const result of results)
    groups.set(result.kind, [...(groups.get(result.kind) ?? []), result])
  return groups
}

/** What the reader sees: kinds with their tests, then the sums. */
export function report(results, { alone, kinds, unexpected, mended }, expected) {
  const lines = kinds.flatMap(([kind, tests]) => [
    `${kind}: ${tests.length}`,
    ...tests.map(({ name, engine }) => {
      const reason = expected.get(name)
      return `  ${name} (${engine})${reason ? `: ${reason}` : ''}`
    }),
  ])
  const deno = results.filter((result) => result.deno === 'passed').length
  const both = deno - alone.length
  return [
    ...lines,
    '',
    `${results.length} tests: ${deno} pass on Deno, ${both} of these on the embedded engine`,
    `passes on Deno alone: ${alone.length}, of which not listed: ${unexpected.length}`,
    ...mended.map(({ name }) => `listed, but passes: ${name}`),
  ].join('\n')
}
