/**
 * `npm run test:packages`: installs popular npm packages in a temporary folder. On Node and on the embedded engine, it
 * imports each package with default permissions and uses it with all permissions. Compares the results with the table
 * in `docs/packages.md`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildEngine } from './lib/app.mjs'
import { mapLimited } from './lib/limited.mjs'
import { UserError, runMain } from './lib/log.mjs'
import { buildEnv, root } from './lib/paths.mjs'
import { startProgress } from './lib/progress.mjs'
import { logFile } from './lib/step.mjs'
import { withPackages } from './packages/install.mjs'
import { packages } from './packages/list.mjs'
import { tryPackage } from './packages/run.mjs'
import { differences, expectations, withResults } from './packages/table.mjs'

const usage = `npm run test:packages -- [options]
  --only NAMES     only these packages, separated by commas
  --jsproc FILE    an existing jsproc executable
  --write          writes the results into docs/packages.md, without changing reasons`

/** Concurrent packages. */
const jobs = 2

const file = join(root, 'docs/packages.md')

await runMain(async (args) => {
  const { only, write, ...options } = readArguments(args)
  const names = Object.keys(packages).filter((name) => !only || only.split(',').includes(name))
  if (names.length === 0) throw new UserError(`no package of the list is called ${only}`)
  const env = buildEnv()
  const jsproc = options.jsproc ?? (await buildEngine(env))
  const results = await withPackages(env, (folder) => tryAll(names, { folder, jsproc, env }))
  results.forEach(printResult)
  storeOutput(results, env)
  const document = readFileSync(file, 'utf8')
  const expected = expectations(document)
  const faults = differences(results, expected)
  if (write && !only) writeFileSync(file, withResults(document, results, expected))
  if (faults.length === 0) return
  throw new UserError(
    `${faults.length} results differ from docs/packages.md. The output is in ${logFile('packages', env)}`,
    { details: faults.join('\n') },
  )
})

function readArguments(args) {
  const text = { type: 'string' }
  try {
    const options = { only: text, jsproc: text, write: { type: 'boolean' } }
    return parseArgs({ args, options }).values
  } catch (error) {
    throw new UserError(`${error.message}\n\n${usage}`)
  }
}

async function tryAll(names, options) {
  const progress = startProgress({ part: 'test', doing: `trying ${names.length} packages` })
  let done = 0
  try {
    return await mapLimited(names, jobs, async (name) => {
      const result = await tryPackage(name, options)
      progress.update(`${(done += 1)} done`)
      return result
    })
  } finally {
    progress.end()
  }
}

function printResult({ name, import: imported, use }) {
  console.log(`${name.padEnd(26)} import ${imported.padEnd(18)} use ${use}`)
}

function storeOutput(results, env) {
  const parts = results.map(({ name, output }) => `== ${name}\n${output}\n`)
  writeFileSync(logFile('packages', env), parts.join('\n'))
}
