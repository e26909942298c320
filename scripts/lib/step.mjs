/**
 * Runs a tool as one step: its output goes to a log file, and the terminal shows its progress. A failure shows an
 * excerpt of the log, then one sentence with the remedy and the path of the log.
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

/** Bounds on the excerpt of a failed step. */
const maxExcerpt = { lines: 30, characters: 300 }

/** Milliseconds that processes in the background may hold the pipes of an exited tool open. */
const pipeTimeout = 2_000

/** The log file of a step. It is in cargo's target folder, which may outlive the clone. */
export function logFile(name, env = process.env) {
  const folder = resolve(root, env.CARGO_TARGET_DIR || 'target', 'logs')
  mkdirSync(folder, { recursive: true })
  return join(folder, `${name.replace(/[^a-z0-9]+/gi, '-')}.log`)
}

/**
 * Runs a step and returns the lines of its output.
 *
 * @param {object} step
 * @param {string} step.name the name in errors and of the log file
 * @param {string} step.part the label of output lines
 * @param {string} step.doing the description in the progress, such as "compiling"
 * @param {string} [step.usually] the expected duration
 * @param {string} [step.remedy] the advice after a failure
 * @param {(line: string) => string | undefined} [step.progress] extracts progress from a line of output
 * @param {(lines: string[]) => string[]} [step.excerpt] selects the lines that explain a failure
 * @param {(line: string) => void} [step.onStdout] receives the lines of stdout instead of the log
 * @param {[string, string[], object?]} command program, arguments and options of `spawn`
 */
export async function runStep(step, [program, args, options = {}]) {
  const file = logFile(step.name, options.env)
  const log = createWriteStream(file)
  // A full disk must not hide the tool's own error, so the step runs without a log.
  let logError
  log.on('error', (error) => (logError ??= error))
  const lines = []
  const progress = startProgress(step)
  const onLine = (line) => {
    const text = stripVTControlCharacters(line)
    const update = step.progress?.(text)
    if (update !== undefined) progress.update(update)
    if (isProgressBar(text) || text.trim() === '') return
    if (!logError) log.write(`${text}\n`)
    lines.push(text)
  }
  let end
  try {
    end = await exitOf(spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }), {
      stdout: step.onStdout ?? onLine,
      stderr: onLine,
    })
  } catch (error) {
    throw cannotStart(program, error)
  } finally {
    end = { ...end, elapsed: progress.end() }
    log.end()
    await finished(log).catch(() => {})
  }
  if (end.code !== 0) throw failure(step, end, lines, logError ? undefined : file)
  say(step.part, `${step.doing}: done in ${duration(end.elapsed)}`)
  return lines
}

/** Reads the output of a process and returns its exit code or signal. */
async function exitOf(child, { stdout, stderr }) {
  const release = passSignals(child)
  try {
    const closed = once(child, 'close')
    closed.catch(() => {})
    readLines(child.stdout, stdout)
    readLines(child.stderr, stderr)
    const [code, signal] = await once(child, 'exit')
    // A daemon such as a compiler cache may have inherited the pipes.
    await Promise.race([closed, sleep(pipeTimeout, undefined, { ref: false })])
    child.stdout.destroy()
    child.stderr.destroy()
    return { code, signal }
  } finally {
    release()
  }
}

/** Exit codes of shells for SIGINT, SIGKILL and SIGTERM. */
const signalCodes = [130, 137, 143]

function failure(step, { code, signal }, lines, file) {
  const log = file ? `All output is in ${file}` : 'Its log could not be written: is the disk full?'
  if (signal || signalCodes.includes(code)) {
    const how = `was ended by ${signal ?? `a signal (exit code ${code})`}`
    return new UserError(
      `the step "${step.name}" ${how}. Run the same command again: it continues there. ${log}`,
    )
  }
  const remedy = step.remedy ? `${step.remedy}. ` : ''
  const excerpt = (step.excerpt ?? ((all) => all.slice(-maxExcerpt.lines)))(lines)
  const details = excerpt
    .slice(0, maxExcerpt.lines)
    .map((line) => line.slice(0, maxExcerpt.characters))
  return new UserError(`the step "${step.name}" failed with exit code ${code}. ${remedy}${log}`, {
    details: details.join('\n'),
  })
}

/** Lines end with \n; progress bars end with \r. */
function readLines(stream, onLine) {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk) => {
    const parts = (rest + chunk).split(/[\r\n]/)
    rest = parts.pop()
    parts.forEach(onLine)
  })
  stream.on('end', () => rest && onLine(rest))
}

const bar = /^\s*(?:(?:Building|Checking|Fetch|Updating|Blocking) \[|Downloading \d+ crates?)/

function isProgressBar(line) {
  return bar.test(line)
}
