// Reads and writes whole frames, without their terminators. Used by `serve` of tauri-plugin-js-api/backend.
;(() => {
  const internals = Deno[Deno.internal]
  const { core } = internals
  const { op_desktop_recv_event: readLines, op_desktop_send_error_report: writeLine } = core.ops

  // Stored, because scripts can replace the global.
  const Native = Promise

  // Received lines, and the index of the first unread one.
  let ahead = []
  let next = 0
  // The pending read of more lines, shared by concurrent readers.
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
  const frames = {
    /** The next line of stdin, or null at its end. */
    read: () => read(take),
    /** All available lines of stdin, at least one, or null at its end. */
    readAll: () => read(takeAll),
    /** Writes one line to stdout. Blocks while the buffer is full, like every write to stdout. */
    write: (line) => writeLine(`${line}`),
    /** Writes many lines in one call. */
    writeAll: (lines) => {
      if (lines.length > 0) writeLine(lines.join('\n'))
    },
  }
  // node:module reads it from there.
  internals.jsRuntimeLines = Object.freeze(frames)

  // Deno's own modules have their references. Called with wrong arguments, some ops would end the application. Frozen,
  // because the engine adds fast variants later.
  for (const name of Object.keys(core.ops)) delete core.ops[name]
  Object.freeze(core.ops)

  // Removes the engine's internals; no later code needs them.
  delete Deno[Deno.internal]
  delete Deno.internal
})()
