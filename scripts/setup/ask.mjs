/** Questions on a terminal. */
import { createInterface } from 'node:readline/promises'
import { UserError } from '../lib/log.mjs'

/**
 * Asks a question whose default is yes. Without a terminal, and in CI, the answer is yes. `input` and `output`
 * are the process's own but for tests; the question goes to stderr, since stdout may be a file.
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
