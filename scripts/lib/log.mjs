/** Output of the scripts: one line per step, questions, and errors with a remedy. */
import { createInterface } from 'node:readline/promises'

/**
 * An error that is shown to the user without a stack. `details` are printed before the message, so that the remedy
 * is the last line on the screen.
 */
export class UserError extends Error {
  name = 'UserError'

  constructor(message, { details, ...options } = {}) {
    super(message, options)
    this.details = details
  }
}

/** Prints one line with the label `part`. */
export function say(part, message) {
  print(`${part.padEnd(8)} ${message}`)
}

/** Prints text. On a terminal it first clears the line, which may show progress. */
export function print(text) {
  console.log(process.stdout.isTTY ? `\r\x1b[K${text}` : text)
}

/** 4200 -> "4.2 s", 192000 -> "3 min 12 s" */
export function duration(ms) {
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms % 1000 === 0 ? 0 : 1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** 31048182 -> "29.6 MiB" */
export function mebibytes(bytes) {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

/**
 * Runs the main function of a script. A UserError or a failed system call gives exit code 1. The main function may
 * return another exit code, such as that of a program.
 */
export async function runMain(main) {
  try {
    process.exitCode = (await main(process.argv.slice(2))) ?? 0
  } catch (error) {
    // Failed system calls (a full disk, a missing permission) are no bugs of the script.
    if (!(error instanceof UserError) && !error.syscall) throw error
    if (error.details) console.error(`\n${error.details}`)
    console.error(`\nerror: ${error.message}`)
    process.exitCode = 1
  }
}

/**
 * Asks a question with the default yes. Without a terminal, and in CI, the answer is yes. The question is printed
 * to stderr, because stdout may be redirected.
 */
export async function confirm(
  question,
  { input = process.stdin, output = process.stderr, env = process.env } = {},
) {
  if (!input.isTTY || env.CI) return true
  const terminal = createInterface({ input, output })
  try {
    const answer = (await terminal.question(`${question} [Y/n] `)).trim().toLowerCase()
    return ['', 'y', 'yes'].includes(answer)
  } catch (error) {
    if (error.code !== 'ABORT_ERR') throw error
    throw new UserError('stopped at the question; nothing was installed')
  } finally {
    terminal.close()
  }
}
