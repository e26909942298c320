/** Questions on a terminal. Without one there is nobody to ask, and the answer is the default. */
import { createInterface } from 'node:readline/promises'

/** Yes is the default; `input` and `output` are those of the process but for tests. */
export async function confirm(question, { input = process.stdin, output = process.stdout } = {}) {
  if (!input.isTTY || !output.isTTY) return true
  const terminal = createInterface({ input, output })
  try {
    const answer = (await terminal.question(`${question} [Y/n] `)).trim().toLowerCase()
    return answer === '' || answer === 'y' || answer === 'yes'
  } finally {
    terminal.close()
  }
}
