/** Tests of `npm run test:node-suite`. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../lib/paths.mjs'
import { compare, parseList, report } from '../node-suite/expected.mjs'
import { outcomeOf, runTest } from '../node-suite/run.mjs'
import { environment, kindOf, parse, startsExecPath, testsIn } from '../node-suite/tests.mjs'
import { put, temporaryFolder } from './helpers.mjs'

test('tests that need internal modules are skipped', (t) => {
  const checkout = temporaryFolder(t)
  const add = (name, source) => put(join(checkout, 'test/parallel', name), source)
  add('test-b.mjs', '')
  add('test-a.js', "// Flags: --no-warnings\n'use strict'")
  add('test-internal.js', '// Flags: --no-warnings --expose-internals')
  add('test-internals.js', '// Flags: --expose_internals')
  add('helper.js', '')
  add('test-data.json', '')
  const names = testsIn(checkout).map(({ name }) => name)
  assert.deepEqual(names, ['test-a.js', 'test-b.mjs'])
  assert.throws(() => testsIn(join(checkout, 'test')), /no folder test\/parallel/)
})

test('the kind of a test comes from its source or its name', () => {
  assert.equal(kindOf('test-fs-a.js', 'spawn(process.execPath)'), startsExecPath)
  assert.equal(kindOf('test-a.js', "require('cluster')"), startsExecPath)
  assert.equal(kindOf('test-a.js', "require('../common/child_process')"), startsExecPath)
  assert.equal(kindOf('test-fs-a.js', "require('worker_threads')"), 'worker')
  assert.equal(kindOf('test-http2-a.js', ''), 'http2')
  assert.equal(kindOf('test-fs.js', ''), 'fs')
  assert.equal(kindOf('test-url-a.js', ''), 'other')
})

test('NODE_OPTIONS contains only supported options', () => {
  const { flags } = parse('test-a.js', '// Flags: --no-warnings --expose-gc\n')
  const env = environment({ flags }, 'folder', { HOME: 'home' })
  assert.equal(env.NODE_OPTIONS, '--no-warnings')
  assert.equal(env.NODE_TEST_DIR, 'folder')
  assert.equal(env.HOME, 'home')
})

test('an outcome describes the exit', () => {
  assert.equal(outcomeOf({ code: 0 }), 'passed')
  assert.equal(outcomeOf({ code: 7 }), 'exit code 7')
  assert.equal(outcomeOf({ code: null, signal: 'SIGSEGV' }), 'SIGSEGV')
  assert.equal(outcomeOf({ code: null, signal: 'SIGKILL', timedOut: true }), 'no end')
})

const result = (name, kind, engine, deno = 'passed') => ({ name, kind, engine, deno })
const results = [
  result('test-a.js', 'fs', 'passed'),
  result('test-b.js', 'fs', 'exit code 1'),
  result('test-c.js', 'fs', 'no end'),
  result('test-d.js', startsExecPath, 'exit code 1'),
  result('test-e.js', 'other', undefined, 'exit code 1'),
]

test('tests that pass on Deno only are unexpected unless listed or starting process.execPath', () => {
  const expected = new Map([['test-b.js', 'a reason']])
  const comparison = compare(results, expected)
  assert.deepEqual(
    comparison.kinds.map(([kind, tests]) => [kind, tests.length]),
    [
      ['fs', 2],
      [startsExecPath, 1],
    ],
  )
  assert.deepEqual(
    comparison.unexpected.map(({ name }) => name),
    ['test-c.js'],
  )
  const text = report(results, comparison, expected)
  assert.match(text, /^ {2}test-b\.js \(exit code 1\): a reason$/m)
  assert.match(text, /5 tests: 4 pass on Deno, 1 of these on the embedded engine/)
  assert.match(text, /pass on Deno only: 3, not listed: 1/)
})

test('a listed test that passes is reported', () => {
  const expected = new Map([['test-a.js', 'a reason']])
  const text = report(results, compare(results, expected), expected)
  assert.match(text, /^listed, but passes: test-a\.js$/m)
})

test('each row of the list has a name and a reason', () => {
  const document = readFileSync(join(root, 'docs/node-suite.md'), 'utf8')
  const rows = document.split('\n').filter((line) => line.startsWith('| `test-'))
  const names = parseList(document)
  assert.equal(names.size, rows.length)
  for (const [name, reason] of names) {
    assert.match(name, /\.[cm]?js$/)
    assert.ok(reason.length > 10, name)
  }
})

test('a test runs in its own folder with a time limit', { timeout: 120_000 }, async (t) => {
  const path = put(
    join(temporaryFolder(t), 'test-a.cjs'),
    `const { spawn } = require('node:child_process')
    console.log(process.cwd() === process.env.NODE_TEST_DIR)
    if (process.env.HANG) setInterval(() => {}, 1000)
    spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref()`,
  )
  const command = (script) => [process.execPath, [script]]
  const run = (env, seconds) =>
    runTest({ path, flags: [] }, command, { env: { ...process.env, ...env }, seconds })
  const { outcome, output } = await run({}, 100)
  assert.deepEqual([outcome, output.trim()], ['passed', 'true'])
  const { outcome: timedOut } = await run({ HANG: '1' }, 2)
  assert.equal(timedOut, 'no end')
})
