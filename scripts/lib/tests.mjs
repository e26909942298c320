/** Test runners as steps: how many tests are done of all, and what failed. */
import { buildArtifacts, crateProgress, firstError, runCargo } from './cargo.mjs'
import { UserError } from './log.mjs'
import { root } from './paths.mjs'
import { capture } from './run.mjs'
import { runStep } from './step.mjs'

/**
 * Builds the tests of cargo and runs them: `options` are the packages and features. Tests whose names contain one of
 * `skip` are left out. How many passed.
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
      remedy: 'Correct what the tests above name',
    },
    ['test', ...options, '--no-fail-fast', '--', ...skip.flatMap((part) => ['--skip', part])],
    { env },
  )
  return lines.filter((line) => passed.test(line)).length
}

/** The executables of the tests. */
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

/** How many of these tests run; each part in `skip` is that of a test, so that the list does not grow stale. */
export function countTests(names, skip) {
  const stale = skip.find((part) => !names.some((name) => name.includes(part)))
  if (stale)
    throw new UserError(`no test has "${stale}" in its name: take it off the tests to skip`)
  return names.filter((name) => !skip.some((part) => name.includes(part))).length
}

const passed = /^test .+ \.\.\. ok/
const ended = /^test .+ \.\.\. (?:ok|FAILED|failed|ignored)/

/** "tests 120 of 488"; documentation tests are not in any list, so there can be more than `total`. */
export function libtestProgress(total) {
  let done = 0
  let hazard = ''
  return (line) => {
    // The hazards are counted one by one and reported together.
    hazard = /^hazard \d+ of \d+/.exec(line)?.[0] ?? hazard
    if (ended.test(line)) {
      done += 1
      hazard = ''
    } else if (!hazard) return crateProgress(line)
    const tests = `tests ${done} of ${Math.max(done, total)}`
    return hazard ? `${tests}, ${hazard}` : tests
  }
}

/** What failed and why, from what libtest prints at the end; a compiler's error where it came so far. */
export function libtestFailures(lines) {
  const start = lines.findIndex((line) => line === 'failures:')
  if (start < 0) return firstError(lines)
  const failed = lines.filter((line) => /^test .+ \.\.\. (?:FAILED|failed)/.test(line))
  return [...lines.slice(start, start + 30 - Math.min(failed.length, 10)), ...failed.slice(0, 10)]
}

/** Runs files of tests with Node's own runner; how many passed. */
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
      remedy: 'Correct what the tests above name',
    },
    [process.execPath, args, { cwd: root, env }],
  )
  return numberIn(lines, /^ℹ pass (\d+)$/)
}

/** Runs the tests of a folder with Vitest; how many passed. */
export async function vitest({ name }, folder, env) {
  const lines = await runStep(
    {
      name,
      part: 'test',
      doing: `running ${name}`,
      progress: countMarks(/^\s*✓/),
      excerpt: (lines) => after(lines, (line) => /Failed Tests/.test(line)),
      remedy: 'Correct what the tests above name',
    },
    [
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', '--root', folder],
      { cwd: root, env },
    ],
  )
  return numberIn(lines, /^\s*Tests\s+(\d+) passed/)
}

/** How many tests passed, from the runner's last lines. */
function numberIn(lines, pattern) {
  const found = lines
    .map((line) => pattern.exec(line)?.[1])
    .findLast((count) => count !== undefined)
  if (Number(found) > 0) return Number(found)
  throw new UserError('no test ran: the runner printed no count of tests that passed')
}

function countMarks(mark) {
  let done = 0
  return (line) => (mark.test(line) ? `${(done += 1)} passed` : undefined)
}

/** The lines from the first one that `isStart` finds; the last lines where there is none. */
function after(lines, isStart) {
  const start = lines.findIndex(isStart)
  return start < 0 ? lines.slice(-30) : lines.slice(start)
}
