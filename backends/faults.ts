// Faults on request. They demonstrate that a failing backend ends nothing but itself.
import process from 'node:process'
import type { FaultApi } from './shared-api.ts'

/** One write for each line would be slow on every runtime. */
const linesPerWrite = 500

/** `allocate` gives up at this size: Bun has no heap limit. */
const maxMegabytes = 1024

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
    const blocks: number[][] = []
    while (blocks.length < maxMegabytes) {
      blocks.push(new Array<number>(125_000).fill(blocks.length + 0.5))
    }
    throw new Error(`no heap limit at ${blocks.length} MB: this runtime was started without one`)
  },
  async flood(lines, stream = 'stderr') {
    for (let from = 1; from <= lines; from += linesPerWrite) {
      const to = Math.min(lines, from + linesPerWrite - 1)
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

/** Lines `from` to `to` of `lines`, each with a line feed. */
function numbered(from: number, to: number, lines: number): string {
  let text = ''
  for (let line = from; line <= to; line++) text += `line ${line} of ${lines}\n`
  return text
}

/** Resolves when the stream has written the text. Without waiting, unwritten text would fill the memory. */
function write(stream: 'stderr' | 'stdout', text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process[stream].write(text, (error) => (error ? reject(error) : resolve()))
  })
}
