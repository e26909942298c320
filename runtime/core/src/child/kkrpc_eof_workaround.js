// kkrpc before 0.7 reads in a loop that takes the end of its input for "nothing yet": after stdin has
// ended it asks again for ever, in microtasks, so that nothing else ever runs. Whoever has been told a
// thousand times that a stream is over waits from then on: the loop is then idle and the program ends.
;(() => {
  const { prototype } = ReadableStreamDefaultReader
  const { read } = prototype
  const readers = new WeakMap()
  const never = new Promise(() => {})
  prototype.read = function () {
    let state = readers.get(this)
    if (state === undefined && this instanceof ReadableStreamDefaultReader) {
      state = { over: false, asked: 0 }
      readers.set(this, state)
      const watched = state
      this.closed.then(
        () => (watched.over = true),
        () => {},
      )
    }
    if (state?.over && ++state.asked > 1000) return never
    return read.call(this)
  }
})()
