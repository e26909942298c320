/**
 * Running a tool as one step: its output goes to a log file, the reader sees how far it is, and a failure
 * shows the lines that matter, then one sentence with the remedy and the path of the log.
 */
import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'
import { UserError, duration, say } from './log.mjs'
import { root } from './paths.mjs'
import { startProgress } from './progress.mjs'
import { cannotStart, passSignals } from './run.mjs'

/** How many lines of a failed step are shown. */
const shown = 30

/** Where the output of steps is kept: beside what cargo builds, so that it survives where that does. */
export function logFile(name, env = process.env) {
  const folder = join(env.CARGO_TARGET_DIR ?? join(root, 'target'), 'logs')
  mkdirSync(folder, { recursive: true })
  return join(folder, `${name.replace(/[^a-z0-9]+/gi, '-')}.log`)
}

/**
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
  const lines = []
  const progress = startProgress(step)
  const take = (line) => {
    const text = stripVTControlCharacters(line)
    const news = step.progress?.(text)
    if (news !== undefined) progress.update(news)
    // Cargo draws its progress bar many times a second: it says nothing that the log needs.
    if (isProgressBar(text) || text.trim() === '') return
    log.write(`${text}\n`)
    lines.push(text)
  }
  let spent
  try {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    const release = passSignals(child)
    readLines(child.stdout, step.onStdout ?? take)
    readLines(child.stderr, take)
    const [code, signal] = await once(child, 'close').finally(release)
    spent = progress.end()
    if (code !== 0) throw failure(step, { code, signal, lines, file })
  } catch (error) {
    progress.end()
    throw error.code ? cannotStart(program, error) : error
  } finally {
    log.end()
    await once(log, 'close')
  }
  say(step.part, `${step.doing}: done in ${duration(spent)}`)
  return lines
}

function failure(step, { code, signal, lines, file }) {
  const how = signal ? `was ended by ${signal}` : `failed with exit code ${code}`
  const remedy = step.remedy ? `${step.remedy}. ` : ''
  const message = `the step "${step.name}" ${how}. ${remedy}All output is in ${file}`
  // Ctrl-C and a full memory need no lines of the log.
  if (signal || code > 128 + os.constants.signals.SIGHUP) return new UserError(message)
  const excerpt = (step.excerpt ?? ((all) => all))(lines)
  return new UserError(message, { details: excerpt.slice(-shown).join('\n') })
}

/** Ends of lines are \n and, for what is drawn again and again, \r. */
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

const bar = /^\s*(?:Building|Checking|Downloading|Updating|Fetch|Blocking) \[/

function isProgressBar(line) {
  return bar.test(line)
}
