/** What scripts say: one line a step, and errors that a person can act on. */

/**
 * A failure whose message is meant for the reader as it is; shown without a stack. `details`, if any, are
 * shown before the message, so that the last thing on the screen says what to do.
 */
export class UserError extends Error {
  name = 'UserError'

  constructor(message, { details, ...options } = {}) {
    super(message, options)
    this.details = details
  }
}

/** One line on stdout, marked with the part of the set-up that speaks. */
export function say(part, message) {
  print(`${part.padEnd(8)} ${message}`)
}

/** Text on lines of its own: the progress of a step may stand in the line of the cursor. */
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
 * Runs a script's main function and turns what it throws into an exit code. The main function
 * may return the exit code itself (for a program it ran).
 */
export async function runMain(main) {
  try {
    process.exitCode = (await main(process.argv.slice(2))) ?? 0
  } catch (error) {
    // A full disk or a folder without permission is the machine's state, not a fault of the script.
    if (!(error instanceof UserError) && !error.syscall) throw error
    if (error.details) console.error(`\n${error.details}`)
    console.error(`\nerror: ${error.message}`)
    process.exitCode = 1
  }
}
