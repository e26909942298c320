// Whole frames in and out, without their terminators; see backends/serve.ts for a user.
;(() => {
  const internals = Deno[Deno.internal]
  const { core } = internals
  const { op_desktop_recv_event: readLines, op_desktop_send_error_report: writeLine } = core.ops

  // As it is: whoever puts another in its place may, but not here.
  const Native = Promise

  // Lines that came with the one that was asked for, and the first of them that was not read yet.
  let ahead = []
  let next = 0
  // A promise while more is waited for: whoever reads meanwhile has their turn afterwards.
  let more = null

  const readMore = async () => {
    try {
      const lines = await readLines()
      ahead = typeof lines === 'string' ? lines.split('\n') : lines
      next = 0
      return ahead.length > 0
    } finally {
      more = null
    }
  }
  const take = () => {
    const line = ahead[next]
    ahead[next++] = undefined
    return line
  }
  const takeAll = () => {
    const lines = next === 0 ? ahead : ahead.slice(next)
    ahead = []
    next = 0
    return lines
  }
  const afterMore = async (taken) => {
    while (next === ahead.length) {
      more ??= readMore()
      if (!(await more)) return null
    }
    return taken()
  }
  const read = (taken) => (next === ahead.length ? afterMore(taken) : Native.resolve(taken()))
  const door = {
    /** The next line of stdin, or null at its end. */
    read: () => read(take),
    /** All lines of stdin that have come, at least one, or null at its end. */
    readAll: () => read(takeAll),
    /** Writes one line to stdout; waits, as every write to stdout does, while a reader is behind. */
    write: (line) => writeLine(`${line}`),
    /** The same for many, at the cost of one. */
    writeAll: (lines) => {
      if (lines.length > 0) writeLine(lines.join('\n'))
    },
  }
  // Where node:module finds it.
  internals.jsRuntimeLines = Object.freeze(door)

  // Deno's own modules have theirs. Left to scripts are such that end the application when they are
  // called in the wrong way. Frozen, as the engine adds faster ones later.
  for (const name of Object.keys(core.ops)) delete core.ops[name]
  Object.freeze(core.ops)

  // The rest of the engine's insides. Removed here, as this is the last that needs them.
  delete Deno[Deno.internal]
  delete Deno.internal
})()
