/**
 * Progress of long steps: one changing line on a terminal, a line every 15 seconds in a log. Concurrent steps share
 * the line on the terminal.
 */
import { duration, say } from './log.mjs'

/** Milliseconds between updates on a terminal. */
const terminalInterval = 500

/** Milliseconds between lines in a log. */
const logInterval = 15_000

/** Functions that return the current line of each running step. */
const running = new Set()

/**
 * Shows the step `doing` until `end()` is called. `update(text)` sets the progress. `usually` is the expected
 * duration, such as "about 10 minutes".
 */
export function startProgress({ part, doing, usually }, out = process.stdout) {
  const start = Date.now()
  const hint = usually ? ` (usually ${usually})` : ''
  let text = ''
  const line = () => {
    const elapsed = `${duration(Math.round((Date.now() - start) / 1000) * 1000)} so far${hint}`
    return [`${doing}:`, text && `${text},`, elapsed].filter(Boolean).join(' ')
  }
  // CI may provide a terminal but stores its output as a log.
  const redraws = out.isTTY && !process.env.CI
  const write = () => {
    if (!redraws) return say(part, line())
    const all = [...running].map((line) => line()).join(' | ')
    out.write(`\r\x1b[K${`${part.padEnd(8)} ${all}`.slice(0, (out.columns || 80) - 1)}`)
  }
  running.add(line)
  if (redraws) write()
  else say(part, `${doing}${hint}`)
  const timer = setInterval(write, redraws ? terminalInterval : logInterval)
  return {
    update: (progress) => (text = progress),
    /** Returns the duration of the step in milliseconds. */
    end: () => {
      clearInterval(timer)
      running.delete(line)
      if (redraws) out.write('\r\x1b[K')
      return Date.now() - start
    },
  }
}
