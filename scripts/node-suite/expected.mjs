/** Compares a run with the list in `docs/node-suite.md` of tests that pass on Deno only. */
import { startsExecPath } from './tests.mjs'

/** Parses names and reasons from the table rows of the document: "| `test-x` | reason |". */
export function parseList(document) {
  const rows = [...document.matchAll(/^\| `(test-[^`]+)` +\| (.+?) +\|$/gm)]
  return new Map(rows.map(([, name, reason]) => [name, reason]))
}

/**
 * Finds the tests that pass on Deno only, by kind. `unexpected` ones are not in the list and do not start
 * process.execPath. `fixed` ones are in the list but pass on the engine.
 *
 * @param {{ name: string, kind: string, deno: string, engine?: string }[]} results
 * @param {Map<string, string>} expected names with reasons
 */
export function compare(results, expected) {
  const denoOnly = results.filter(({ deno, engine }) => deno === 'passed' && engine !== 'passed')
  const kinds = Map.groupBy ? Map.groupBy(denoOnly, ({ kind }) => kind) : groupBy(denoOnly)
  return {
    denoOnly,
    kinds: [...kinds].sort(([, a], [, b]) => b.length - a.length),
    unexpected: denoOnly.filter(({ name, kind }) => kind !== startsExecPath && !expected.has(name)),
    fixed: results.filter(({ name, engine }) => engine === 'passed' && expected.has(name)),
  }
}

function groupBy(results) {
  const groups = new Map()
  for (const result of results)
    groups.set(result.kind, [...(groups.get(result.kind) ?? []), result])
  return groups
}

/** The report as text: kinds with their tests, then totals. */
export function report(results, { denoOnly, kinds, unexpected, fixed }, expected) {
  const lines = kinds.flatMap(([kind, tests]) => [
    `${kind}: ${tests.length}`,
    ...tests.map(({ name, engine }) => {
      const reason = expected.get(name)
      return `  ${name} (${engine})${reason ? `: ${reason}` : ''}`
    }),
  ])
  const deno = results.filter((result) => result.deno === 'passed').length
  const both = deno - denoOnly.length
  return [
    ...lines,
    '',
    `${results.length} tests: ${deno} pass on Deno, ${both} of these on the embedded engine`,
    `pass on Deno only: ${denoOnly.length}, not listed: ${unexpected.length}`,
    ...fixed.map(({ name }) => `listed, but passes: ${name}`),
  ].join('\n')
}
