// What a backend can do wrong, on request: to show that it takes down itself and nothing else.
import process from 'node:process'
import type { FaultApi } from './shared-api.ts'

/** Lines that are handed over together: one write for each line would be slow everywhere. */
const linesAtOnce = 500

/** Where `allocate` gives up, as Bun has no heap limit: the memory is the machine's. */
const mostMegabytes = 1024

export const faults: FaultApi = {
  async fail(message) {
    throw new Error(message)
  },
  async crash() {
    setTimeout(() => {
      throw new Error('crashed on request')
    }, 10)
  },
  async throwLater(ms) {
    setTimeout(() => void Promise.reject(new Error('rejected on request')), ms)
  },
  async loop() {
    for (;;) continue
  },
  async allocate() {
    const held: number[][] = []
    while (held.length < mostMegabytes)
      held.push(new Array<number>(125_000).fill(held.length + 0.5))
    throw new Error(`no heap limit at ${held.length} MB: this runtime was started without one`)
  },
  async flood(lines, stream = 'stderr') {
    for (let from = 1; from <= lines; from += linesAtOnce) {
      const to = Math.min(lines, from + linesAtOnce - 1)
      await write(stream, numbered(from, to, lines))
    }
    return lines
  },
  async exit(code) {
    process.exit(code)
  },
  async abort() {
    process.abort()
  },
}

/** Lines `from` to `to` of `lines`, each with its terminator. */
function numbered(from: number, to: number, lines: number): string {
  let text = ''
  for (let line = from; line <= to; line++) text += `line ${line} of ${lines}\n`
  return text
}

/** Settles when the stream has taken the text: what it can not take yet, it would hold in memory. */
function write(stream: 'stderr' | 'stdout', text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process[stream].write(text, (error) => (error ? reject(error) : resolve()))
  })
}
