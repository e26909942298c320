// kkrpc before 0.7 treats the end of its input as "no data yet": after the end of stdin it reads again and again, in
// microtasks, so that no other code runs. After a thousand reads at the end of a stream, the promise of a read never
// settles. The loop is then idle and the program ends.
;(() => {
  const { prototype } = ReadableStreamDefaultReader
  const { read } = prototype
  const readers = new WeakMap()
  const never = new Promise(() => {})
  prototype.read = function () {
    let state = readers.get(this)
    if (state === undefined && this instanceof ReadableStreamDefaultReader) {
      state = { ended: false, reads: 0 }
      readers.set(this, state)
      const watched = state
      this.closed.then(
        () => (watched.ended = true),
        () => {},
      )
    }
    if (state?.ended && ++state.reads > 1000) return never
    return read.call(this)
  }
})()
