/**
 * Runs in the folder of the installed packages, on Node and on the engine. `import SPECIFIER` prints the exports of a
 * module, `use NAME` the result of a use. The last line is "result: " and JSON.
 */
import process from 'node:process'

const [action, name] = process.argv.slice(2)

/** Without `default` and `module.exports`, which depend on the version of Node. */
async function exportsOf() {
  const names = Object.keys(await import(name)).sort()
  return names.filter((key) => key !== 'default' && key !== 'module.exports')
}

async function use() {
  const { uses } = await import('./index.mjs')
  return uses[name]()
}

const result = action === 'import' ? await exportsOf() : await use()
console.log(`\nresult: ${JSON.stringify(result)}`)
