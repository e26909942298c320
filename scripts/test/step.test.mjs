/** Tests of steps: progress, logs and errors. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { crateProgress, downloadProgress, firstError } from '../lib/cargo.mjs'
import { startProgress } from '../lib/progress.mjs'
import { logFile, runStep } from '../lib/step.mjs'
import { countTests, libtestFailures, libtestProgress } from '../lib/tests.mjs'
import { temporaryFolder } from './helpers.mjs'

/** A step that runs JavaScript code, with its own target folder. */
function node(t, code, more = {}) {
  const env = { PATH: process.env.PATH, CARGO_TARGET_DIR: temporaryFolder(t) }
  const step = { name: 'a step', part: 'test', doing: 'working', ...more }
  return { env, run: () => runStep(step, [process.execPath, ['-e', code], { env }]) }
}

test('all output goes to the log, and a failure names it', async (t) => {
  const { env, run } = node(t, 'console.log("out"); console.error("err"); process.exit(3)', {
    remedy: 'Look again',
  })
  await assert.rejects(run(), ({ name, message, details }) => {
    assert.equal(name, 'UserError')
    assert.match(
      message,
      /^the step "a step" failed with exit code 3\. Look again\. All output is in /,
    )
    assert.ok(message.endsWith(logFile('a step', env)))
    assert.ok(!message.includes('\n'), 'more than a sentence')
    assert.match(details, /out/)
    return true
  })
  const log = readFileSync(logFile('a step', env), 'utf8')
  assert.deepEqual(log.trim().split('\n').sort(), ['err', 'out'])
})

test('a failure shows at most 30 lines', async (t) => {
  const code = 'for (let n = 1; n <= 500; n++) console.log(n); process.exitCode = 1'
  await assert.rejects(node(t, code).run(), ({ details }) => {
    assert.equal(details.split('\n').length, 30)
    return details.endsWith('500')
  })
})

test('a tool that is killed by a signal shows the signal and no output', async (t) => {
  const code = 'console.log("noise"); setTimeout(() => process.kill(process.pid, "SIGKILL"), 50)'
  await assert.rejects(node(t, code).run(), ({ message, details }) => {
    assert.match(message, /was ended by SIGKILL/)
    return details === undefined
  })
})

test('the error for a missing program has its name', async (t) => {
  const env = { PATH: '', CARGO_TARGET_DIR: temporaryFolder(t) }
  const step = { name: 'missing', part: 'test', doing: 'working' }
  await assert.rejects(
    runStep(step, ['no-such-program', [], { env }]),
    /`no-such-program` is not on PATH/,
  )
})

test('progress bars are parsed and not logged', async (t) => {
  const seen = []
  const code = String.raw`process.stderr.write("    Building [==>  ] 3/12: v8\r    Building [===> ] 4/12\r\nCompiling\n")`
  const lines = await node(t, code, {
    progress: (line) => {
      const news = crateProgress(line)
      if (news) seen.push(news)
      return news
    },
  }).run()
  assert.deepEqual(seen, ['crates 3 of 12', 'crates 4 of 12'])
  assert.deepEqual(lines, ['Compiling'])
})

test('a step without output prints its duration', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'] })
  const lines = []
  t.mock.method(console, 'log', (line) => lines.push(line))
  const progress = startProgress(
    { part: 'x', doing: 'waiting', usually: '1 min' },
    { isTTY: false },
  )
  for (let second = 0; second < 60; second++) t.mock.timers.tick(1000)
  progress.end()
  assert.equal(lines.length, 5, `one line at the start and one every 15 s: ${lines}`)
  assert.match(lines.at(-1), /waiting: 1 min 0 s so far \(usually 1 min\)/)
})

test("cargo's progress bars become counts", () => {
  const waiting = '    Blocking waiting for file lock on build directory'
  assert.equal(crateProgress(waiting), 'waiting for another cargo to finish')
  assert.equal(downloadProgress(' Downloading 31 crates, remaining bytes: 1.2MB'), '31 crates left')
  assert.equal(downloadProgress('  Downloaded v8 v150.4.0'), undefined)
  assert.equal(downloadProgress('    Updating crates.io index'), undefined)
})

test('the excerpt of a failed build script shows its error, not its settings', () => {
  const settings = Array.from({ length: 50 }, (_, n) => `  cargo:rerun-if-changed=${n}`)
  const head = [
    'error: failed to run custom build command for `x`',
    '',
    'Caused by:',
    '  exit status: 101',
  ]
  const lines = [
    ...head,
    '  --- stdout',
    ...settings,
    '',
    '  --- stderr',
    '  Unable to find libclang',
  ]
  assert.deepEqual(firstError(lines), [...head, '  --- stderr', '  Unable to find libclang'])
})

test('a step ends with its tool despite processes in the background', async (t) => {
  const code = `const options = { stdio: 'inherit', detached: true }
    console.log(require('child_process').spawn('sleep', ['60'], options).pid)
    process.exit()`
  const [pid] = await node(t, code).run()
  process.kill(Number(pid), 'SIGKILL')
})

test('only exit codes of signals are reported as signals', async (t) => {
  const code = 'console.log("no space left"); process.exit(228)'
  await assert.rejects(node(t, code).run(), ({ details }) => details === 'no space left')
  await assert.rejects(node(t, 'process.exit(137)').run(), /ended by a signal .*continues there/)
})

test('a step runs without a log if it cannot be written', async (t) => {
  const { env, run } = node(t, 'console.log("done")')
  mkdirSync(logFile('a step', env), { recursive: true })
  assert.deepEqual(await run(), ['done'])
})

test("an excerpt starts with the compiler's first error", () => {
  const lines = [
    'Compiling a',
    'warning: unused',
    'error[E0425]: cannot find value',
    '  --> src/lib.rs',
  ]
  assert.deepEqual(firstError(lines), lines.slice(2))
  assert.deepEqual(firstError(['no error here']), ['no error here'])
})

test('finished tests are counted, and failures are shown with their output', () => {
  const count = libtestProgress(2)
  assert.equal(count('test one ... ok'), 'tests 1 of 2')
  assert.equal(count('test two ... FAILED'), 'tests 2 of 2')
  assert.equal(count('hazard 7 of 201: loops'), 'tests 2 of 2, hazard 7 of 201')
  assert.equal(count('test src/lib.rs - (line 3) ... ok'), 'tests 3 of 3')
  const lines = ['test two ... FAILED', 'failures:', '---- two ----', 'boom']
  assert.deepEqual(libtestFailures(lines), [
    'failures:',
    '---- two ----',
    'boom',
    'test two ... FAILED',
  ])
})

test('skipped tests are not counted and must exist', () => {
  const names = ['embedded::a', 'embedded::b', 'warm::a']
  assert.equal(countTests(names, []), 3)
  assert.equal(countTests(names, ['warm::', '::b']), 1)
  assert.throws(() => countTests(names, ['warm::', 'gone']), /no test has "gone" in its name/)
})
