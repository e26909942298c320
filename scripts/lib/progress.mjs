/** One line that changes in a terminal, or a line now and then in a log file. */
import { say } from './log.mjs'

const inTerminal = 200
const inLog = 30_000

/** Returns `show(text)` with `show.end()`, which finishes the line. */
export function progressLine(part, doing, out = process.stdout) {
  const interval = out.isTTY ? inTerminal : inLog
  let last = 0
  let pending = ''
  const write = () => {
    if (out.isTTY) out.write(`\r\x1b[K${part.padEnd(8)} ${doing}: ${pending}`)
    else say(part, `${doing}: ${pending}`)
  }
  const show = (text) => {
    pending = text
    if (Date.now() - last < interval) return
    last = Date.now()
    write()
  }
  show.end = () => {
    if (pending === '') return
    write()
    if (out.isTTY) out.write('\n')
  }
  return show
}
