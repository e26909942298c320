// Whole frames in and out, without their terminators; see backends/serve.ts for a user.
;(() => {
  const { core } = Deno[Deno.internal]
  const { op_desktop_recv_event: readLines, op_desktop_send_error_report: writeLine } = core.ops

  // Lines that came with the one that was asked for, and the first of them that was not read yet.
  let ahead = []
  let next = 0
  // A promise while more is waited for: whoever reads meanwhile has their turn afterwards.
  let more = null

  const readMore = async () => {
    try {
      ahead = await readLines()
      next = 0
      return ahead.length > 0
    } finally {
      more = null
    }
  }
  const door = {
    /** The next line of stdin, or null at its end. */
    async read() {
      while (next === ahead.length) {
        more ??= readMore()
        if (!(await more)) return null
      }
      const line = ahead[next]
      ahead[next++] = undefined
      return line
    },
    /** Writes one line to stdout; waits, as every write to stdout does, while a reader is behind. */
    write: (line) => writeLine(`${line}`),
  }
  Object.defineProperty(globalThis, Symbol.for('js-runtime.lines'), { value: Object.freeze(door) })

  // Deno's own modules have theirs. Left to scripts are such that end the application when they are
  // called in the wrong way. Frozen, as the engine adds faster ones later.
  for (const name of Object.keys(core.ops)) delete core.ops[name]
  Object.freeze(core.ops)
})()
