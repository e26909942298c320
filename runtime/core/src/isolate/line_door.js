// Whole frames in and out, without their terminators; see backends/serve.ts for a user.
;(() => {
  const { core } = Deno[Deno.internal]
  const { op_desktop_recv_event: readLine } = core.ops
  const door = {
    /** The next line of stdin, or null at its end. */
    read: () => readLine(),
    /** Writes one line to stdout; waits, as every write to stdout does, while a reader is behind. */
    write: (line) => core.print(line + '\n', false),
  }
  Object.defineProperty(globalThis, Symbol.for('js-runtime.lines'), { value: Object.freeze(door) })

  // Deno's own modules have theirs. Left to scripts are such that end the application when they are
  // called in the wrong way. Frozen, as the engine adds faster ones later.
  for (const name of Object.keys(core.ops)) delete core.ops[name]
  Object.freeze(core.ops)
})()
