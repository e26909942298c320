/**
 * Progress of a long step: one line that changes in a terminal, a line every 15 seconds in a log. Steps that run at
 * the same time share the line of the terminal.
 */
import { duration, say } from './log.mjs'

const inTerminal = 500
/** Below the 20 seconds after which a reader takes a silent step for a hung one. */
const inLog = 15_000

/** What the steps that run have to say. */
const running = new Set()

/**
 * Shows that `doing` goes on until `end()`, whether or not there is news of it. `update(text)` says how
 * far it is. `usually` is the time that the step takes as a rule, for instance "about 10 minutes".
 */
export function startProgress({ part, doing, usually }, out = process.stdout) {
  const start = Date.now()
  const hint = usually ? ` (usually ${usually})` : ''
  let text = ''
  const line = () => {
    const spent = `${duration(Math.round((Date.now() - start) / 1000) * 1000)} so far${hint}`
    return [`${doing}:`, text && `${text},`, spent].filter(Boolean).join(' ')
  }
  // A log of CI is no place for a line that is drawn again and again, even where it is a terminal.
  const redraws = out.isTTY && !process.env.CI
  const write = () => {
    if (!redraws) return say(part, line())
    const all = [...running].map((one) => one()).join(' | ')
    out.write(`\r\x1b[K${`${part.padEnd(8)} ${all}`.slice(0, (out.columns || 80) - 1)}`)
  }
  running.add(line)
  if (redraws) write()
  else say(part, `${doing}${hint}`)
  const timer = setInterval(write, redraws ? inTerminal : inLog)
  return {
    update: (news) => (text = news),
    /** The time that the step took, in milliseconds. */
    end: () => {
      clearInterval(timer)
      running.delete(line)
      if (redraws) out.write('\r\x1b[K')
      return Date.now() - start
    },
  }
}
