/**
 * Runs beside the installed packages, on Node and on the engine: `import SPECIFIER` prints what a module exports,
 * `use NAME` what the use of a package returns. The last line is JSON after a mark.
 */
import process from 'node:process'

const [action, name] = process.argv.slice(2)

/** `default` and `module.exports` depend on the version of Node, not on the package. */
async function importIt() {
  const names = Object.keys(await import(name)).sort()
  return names.filter((key) => key !== 'default' && key !== 'module.exports')
}

async function use() {
  const { uses } = await import('./index.mjs')
  return uses[name]()
}

const result = action === 'import' ? await importIt() : await use()
console.log(`\nresult: ${JSON.stringify(result)}`)
