/**
 * `npm run test:node-suite -- PATH`: runs Node's tests on Deno and on the embedded engine. PATH is a checkout of
 * `denoland/node_test`. Prints the tests that pass on Deno only, by kind, and compares them with the list in
 * `docs/node-suite.md`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildEngine } from './lib/app.mjs'
import { mapLimited } from './lib/limited.mjs'
import { UserError, runMain } from './lib/log.mjs'
import { buildEnv, root } from './lib/paths.mjs'
import { startProgress } from './lib/progress.mjs'
import { logFile } from './lib/step.mjs'
import { compare, parseList, report } from './node-suite/expected.mjs'
import { commands, runTest } from './node-suite/run.mjs'
import { startsExecPath, testsIn } from './node-suite/tests.mjs'

const usage = `npm run test:node-suite -- PATH [options]
  --filter TEXT         only tests whose name contains one of these words (separated by commas)
  --deno-results FILE   reads Deno's results from this file, and adds missing ones
  --deno FILE           the Deno executable (default: npm's)
  --jsproc FILE         an existing jsproc executable
  --jobs N              concurrent tests (default: 2)
  --seconds N           time limit of a test (default: 30)
  --shuffle             runs the tests in random order`

/** Factor for the time limit of a second run. */
const retryTimeFactor = 5

await runMain(async (args) => {
  const { checkout, ...options } = readArguments(args)
  const env = buildEnv()
  const tests = select(testsIn(checkout), options)
  const jsproc = options.jsproc ?? (await buildEngine(env))
  const run = commands({ deno: options.deno ?? join(root, 'node_modules/.bin/deno'), jsproc })
  const onDeno = await runDeno(tests, run.deno, { ...options, env })
  const passed = tests.filter(({ name }) => onDeno[name] === 'passed')
  const onEngine = await runEngine(passed, run.engine, { ...options, env })
  const results = tests.map((test) => ({
    ...test,
    deno: onDeno[test.name],
    engine: onEngine[test.name],
  }))
  const expected = parseList(readFileSync(join(root, 'docs/node-suite.md'), 'utf8'))
  const comparison = compare(results, expected)
  console.log(`\n${report(results, comparison, expected)}`)
  if (comparison.unexpected.length === 0) return
  throw new UserError(
    `${comparison.unexpected.length} tests pass on Deno, fail on the embedded engine and are not in ` +
      `docs/node-suite.md. Their output is in ${logFile('node-suite', env)}`,
  )
})

function readArguments(args) {
  const text = { type: 'string' }
  const options = {
    filter: text,
    'deno-results': text,
    deno: text,
    jsproc: text,
    jobs: { ...text, default: '2' },
    seconds: { ...text, default: '30' },
    shuffle: { type: 'boolean' },
  }
  let parsed
  try {
    parsed = parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new UserError(`${error.message}\n\n${usage}`)
  }
  const { values, positionals } = parsed
  const [jobs, seconds] = [Number(values.jobs), Number(values.seconds)]
  if (positionals.length !== 1 || !(jobs >= 1) || !(seconds > 0)) throw new UserError(usage)
  return { ...values, jobs, seconds, checkout: resolve(positionals[0]) }
}

function select(tests, { filter, shuffle }) {
  const words = filter?.split(',')
  const chosen = words
    ? tests.filter(({ name }) => words.some((word) => name.includes(word)))
    : tests
  if (chosen.length === 0) throw new UserError(`no test's name contains ${filter}`)
  return shuffle ? chosen.sort(() => Math.random() - 0.5) : chosen
}

/** Deno's results by name. They do not depend on this project, so a file can store them. */
async function runDeno(tests, command, options) {
  const file = options['deno-results']
  const known = file && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const missing = tests.filter(({ name }) => !(name in known))
  await runAll('on Deno', missing, command, options, ({ name }, { outcome }, index) => {
    known[name] = outcome
    if (file && index % 50 === 0) store(file, known)
  })
  if (file) store(file, known)
  return known
}

function store(file, results) {
  writeFileSync(file, JSON.stringify(results, null, 1) + '\n')
}

/**
 * The engine's results by name. A failed test runs again, alone and with more time: concurrent tests may have
 * disturbed it, and a debug build is slow.
 */
async function runEngine(tests, command, options) {
  const outcomes = {}
  const outputs = {}
  const record = ({ name }, { outcome, output }) => {
    outcomes[name] = outcome
    outputs[name] = output
  }
  await runAll('on the embedded engine', tests, command, options, record)
  const failed = () => tests.filter(({ name }) => outcomes[name] !== 'passed')
  const retried = failed().filter(({ kind }) => kind !== startsExecPath)
  const retryOptions = { ...options, jobs: 1, seconds: options.seconds * retryTimeFactor }
  await runAll('once more, one at a time', retried, command, retryOptions, record)
  const parts = failed().map(({ name }) => `== ${name}: ${outcomes[name]}\n${outputs[name]}\n`)
  writeFileSync(logFile('node-suite', options.env), parts.join('\n'))
  return outcomes
}

async function runAll(where, tests, command, options, record) {
  if (tests.length === 0) return
  const progress = startProgress({ part: 'test', doing: `running ${tests.length} tests ${where}` })
  let [done, failed] = [0, 0]
  try {
    await mapLimited(tests, options.jobs, async (test) => {
      const result = await runTest(test, command, options)
      done += 1
      if (result.outcome !== 'passed') failed += 1
      record(test, result, done)
      progress.update(`${done} done, ${failed} failed`)
    })
  } finally {
    progress.end()
  }
}
