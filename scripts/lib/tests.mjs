/** Runs test runners as steps, with a count of finished tests and an excerpt of failures. */
import { buildArtifacts, crateProgress, firstError, runCargo } from './cargo.mjs'
import { UserError } from './log.mjs'
import { root } from './paths.mjs'
import { capture } from './run.mjs'
import { runStep } from './step.mjs'

/**
 * Builds and runs cargo's tests for the packages and features in `options`, except tests whose names contain one of
 * `skip`. Returns the number of passed tests.
 */
export async function cargoTest({ name, usually }, options, env, skip = []) {
  const programs = await buildTests(name, options, env)
  const total = countTests(
    programs.flatMap((program) => testNames(program, env)),
    skip,
  )
  const lines = await runCargo(
    {
      name,
      part: 'test',
      doing: `running ${name}`,
      usually,
      progress: libtestProgress(total),
      excerpt: libtestFailures,
      remedy: 'Fix the failures above',
    },
    ['test', ...options, '--no-fail-fast', '--', ...skip.flatMap((part) => ['--skip', part])],
    { env },
  )
  return lines.filter((line) => passed.test(line)).length
}

/** Builds the test executables and returns their paths. */
async function buildTests(name, options, env) {
  const step = { name: `build ${name}`, doing: `compiling ${name}` }
  const artifacts = await buildArtifacts(step, ['test', '--no-run', ...options], env)
  return artifacts
    .filter(({ executable, profile }) => executable && profile.test)
    .map(({ executable }) => executable)
}

function testNames(program, env) {
  const list = capture(program, ['--list', '--format', 'terse'], { cwd: root, env })
  return list.split('\n').flatMap((line) => /^(.*): test$/.exec(line)?.[1] ?? [])
}

/** Counts the tests that run. Throws if an entry of `skip` matches no test. */
export function countTests(names, skip) {
  const unmatched = skip.find((part) => !names.some((name) => name.includes(part)))
  if (unmatched)
    throw new UserError(`no test has "${unmatched}" in its name: remove it from the tests to skip`)
  return names.filter((name) => !skip.some((part) => name.includes(part))).length
}

const passed = /^test .+ \.\.\. ok/
const finished = /^test .+ \.\.\. (?:ok|FAILED|failed|ignored)/

/** "tests 120 of 488". `total` does not include documentation tests. */
export function libtestProgress(total) {
  let done = 0
  let hazard = ''
  return (line) => {
    // All hazards are one test.
    hazard = /^hazard \d+ of \d+/.exec(line)?.[0] ?? hazard
    if (finished.test(line)) {
      done += 1
      hazard = ''
    } else if (!hazard) return crateProgress(line)
    const tests = `tests ${done} of ${Math.max(done, total)}`
    return hazard ? `${tests}, ${hazard}` : tests
  }
}

/** The failures that libtest prints at the end, or the compiler's first error. */
export function libtestFailures(lines) {
  const start = lines.findIndex((line) => line === 'failures:')
  if (start < 0) return firstError(lines)
  const failed = lines.filter((line) => /^test .+ \.\.\. (?:FAILED|failed)/.test(line))
  return [...lines.slice(start, start + 30 - Math.min(failed.length, 10)), ...failed.slice(0, 10)]
}

/** Runs test files with Node's test runner. Returns the number of passed tests. */
export async function nodeTest({ name, usually }, files, env) {
  const args = ['--test', '--test-reporter=spec', ...files]
  const lines = await runStep(
    {
      name,
      part: 'test',
      doing: `running ${name}`,
      usually,
      progress: countMarks(/^\s*✔/),
      excerpt: (lines) => after(lines, (line) => line.includes('✖ failing tests')),
      remedy: 'Fix the failures above',
    },
    [process.execPath, args, { cwd: root, env }],
  )
  return numberIn(lines, /^ℹ pass (\d+)$/)
}

/** Runs the tests of a folder with Vitest. Returns the number of passed tests. */
export async function vitest({ name }, folder, env) {
  const lines = await runStep(
    {
      name,
      part: 'test',
      doing: `running ${name}`,
      progress: countMarks(/^\s*✓/),
      excerpt: (lines) => after(lines, (line) => /Failed Tests/.test(line)),
      remedy: 'Fix the failures above',
    },
    [
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', '--root', folder],
      { cwd: root, env },
    ],
  )
  return numberIn(lines, /^\s*Tests\s+(\d+) passed/)
}

/** The number of passed tests in the runner's summary. */
function numberIn(lines, pattern) {
  const found = lines
    .map((line) => pattern.exec(line)?.[1])
    .findLast((count) => count !== undefined)
  if (Number(found) > 0) return Number(found)
  throw new UserError('no test ran: the runner printed no count of passed tests')
}

function countMarks(mark) {
  let done = 0
  return (line) => (mark.test(line) ? `${(done += 1)} passed` : undefined)
}

/** The lines from the first match of `isStart` on; without a match the last lines. */
function after(lines, isStart) {
  const start = lines.findIndex(isStart)
  return start < 0 ? lines.slice(-30) : lines.slice(start)
}
