/**
 * Running a tool as one step: its output goes to a log file, the reader sees how far it is, and a failure
 * shows the lines that matter, then one sentence with the remedy and the path of the log.
 */
import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync } from 'node:fs'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { UserError, duration, say } from './log.mjs'
import { root } from './paths.mjs'
import { startProgress } from './progress.mjs'
import { cannotStart, passSignals } from './run.mjs'

/** How many lines of a failed step are shown, and how much of each. */
const shown = { lines: 30, characters: 300 }

/** What a step started in the background may keep its pipes open after it has ended, in milliseconds. */
const pipesStayOpen = 2_000

/** Where the output of steps is kept: in cargo's target folder, which outlives a fresh clone where it is set. */
export function logFile(name, env = process.env) {
  const folder = resolve(root, env.CARGO_TARGET_DIR || 'target', 'logs')
  mkdirSync(folder, { recursive: true })
  return join(folder, `${name.replace(/[^a-z0-9]+/gi, '-')}.log`)
}

/**
 * Returns the lines of the step's output.
 *
 * @param {object} step
 * @param {string} step.name names the log file and the step in errors
 * @param {string} step.part the part of the set-up that speaks
 * @param {string} step.doing what the reader sees, for instance "compiling"
 * @param {string} [step.usually] the time that it takes as a rule
 * @param {string} [step.remedy] what to do when it fails
 * @param {(line: string) => string | undefined} [step.progress] how far the step is, from a line of output
 * @param {(lines: string[]) => string[]} [step.excerpt] the lines of the log that show a failure
 * @param {(line: string) => void} [step.onStdout] takes stdout line by line instead of the log
 * @param {[string, string[], object?]} command program, arguments and options of `spawn`
 */
export async function runStep(step, [program, args, options = {}]) {
  const file = logFile(step.name, options.env)
  const log = createWriteStream(file)
  // Without a log, as on a full disk, the step goes on: what it says itself is more to the point.
  let logError
  log.on('error', (error) => (logError ??= error))
  const lines = []
  const progress = startProgress(step)
  const take = (line) => {
    const text = stripVTControlCharacters(line)
    const news = step.progress?.(text)
    if (news !== undefined) progress.update(news)
    // Cargo draws its progress bar many times a second: it says nothing that the log needs.
    if (isProgressBar(text) || text.trim() === '') return
    if (!logError) log.write(`${text}\n`)
    lines.push(text)
  }
  let end
  try {
    end = await ending(spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }), {
      stdout: step.onStdout ?? take,
      stderr: take,
    })
  } catch (error) {
    throw cannotStart(program, error)
  } finally {
    end = { ...end, spent: progress.end() }
    log.end()
    await finished(log).catch(() => {})
  }
  if (end.code !== 0) throw failure(step, end, lines, logError ? undefined : file)
  say(step.part, `${step.doing}: done in ${duration(end.spent)}`)
  return lines
}

/** The exit code or signal of a process whose output is read to its end. */
async function ending(child, { stdout, stderr }) {
  const release = passSignals(child)
  try {
    const closed = once(child, 'close')
    closed.catch(() => {})
    readLines(child.stdout, stdout)
    readLines(child.stderr, stderr)
    const [code, signal] = await once(child, 'exit')
    // A daemon that the tool has started, such as a compiler cache, inherits the pipes and keeps them open.
    await Promise.race([closed, sleep(pipesStayOpen, undefined, { ref: false })])
    child.stdout.destroy()
    child.stderr.destroy()
    return { code, signal }
  } finally {
    release()
  }
}

/** Exit codes by which shells and tools say that a signal has ended them: SIGINT, SIGKILL, SIGTERM. */
const bySignal = [130, 137, 143]

function failure(step, { code, signal }, lines, file) {
  const log = file ? `All output is in ${file}` : 'Its log could not be written: is the disk full?'
  if (signal || bySignal.includes(code)) {
    const how = `was ended by ${signal ?? `a signal (exit code ${code})`}`
    return new UserError(
      `the step "${step.name}" ${how}. Run the same command again: it goes on there. ${log}`,
    )
  }
  const remedy = step.remedy ? `${step.remedy}. ` : ''
  const excerpt = (step.excerpt ?? ((all) => all.slice(-shown.lines)))(lines)
  const details = excerpt.slice(0, shown.lines).map((line) => line.slice(0, shown.characters))
  return new UserError(`the step "${step.name}" failed with exit code ${code}. ${remedy}${log}`, {
    details: details.join('\n'),
  })
}

/** Lines end with \n; progress bars end with \r. */
function readLines(stream, take) {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk) => {
    const parts = (rest + chunk).split(/[\r\n]/)
    rest = parts.pop()
    parts.forEach(take)
  })
  stream.on('end', () => rest && take(rest))
}

const bar = /^\s*(?:(?:Building|Checking|Fetch|Updating|Blocking) \[|Downloading \d+ crates?)/

function isProgressBar(line) {
  return bar.test(line)
}
