// Memory that V8 does not ask an allocator for: WebAssembly's, and shared buffers that grow. For each of
// them as much is held as a buffer, which is counted, and of which nothing is ever touched.
;(() => {
  const { Memory } = WebAssembly
  const { apply, construct } = Reflect
  const Buffer = ArrayBuffer
  const Shared = SharedArrayBuffer
  const Failure = RangeError
  const pageBytes = 65536
  const counted = new WeakMap()
  const { get, set } = WeakMap.prototype
  const { grow } = Memory.prototype
  const { get: bufferOf } = Object.getOwnPropertyDescriptor(Memory.prototype, 'buffer')
  const { get: lengthOf } = Object.getOwnPropertyDescriptor(Buffer.prototype, 'byteLength')
  const { get: sharedLengthOf } = Object.getOwnPropertyDescriptor(Shared.prototype, 'byteLength')
  const { get: mostOf } = Object.getOwnPropertyDescriptor(Shared.prototype, 'maxByteLength')

  const hold = (bytes) => {
    try {
      return new Buffer(bytes)
    } catch {
      throw new Failure('WebAssembly.Memory: could not allocate memory (limits.arrayBufferMb)')
    }
  }
  const keep = (owner, held) => {
    apply(set, counted, [owner, { held, before: apply(get, counted, [owner]) }])
    return owner
  }
  const bytesOf = (memory) => {
    const buffer = apply(bufferOf, memory, [])
    return buffer instanceof Shared
      ? apply(sharedLengthOf, buffer, [])
      : apply(lengthOf, buffer, [])
  }
  const replace = (target, name, value) => {
    Object.defineProperty(target, name, { ...Object.getOwnPropertyDescriptor(target, name), value })
  }
  const stand = (owner, name, Native, keeper) => {
    const Counted = new Proxy(Native, { __proto__: null, construct: keeper })
    replace(owner, name, Counted)
    replace(Native.prototype, 'constructor', Counted)
  }

  stand(WebAssembly, 'Memory', Memory, (target, args, newTarget) => {
    const memory = construct(target, args, newTarget)
    return keep(memory, hold(bytesOf(memory)))
  })
  replace(Memory.prototype, 'grow', function (delta) {
    const pages = delta >>> 0
    const held = hold(pages * pageBytes)
    const before = apply(grow, this, [pages])
    keep(this, held)
    return before
  })
  stand(globalThis, 'SharedArrayBuffer', Shared, (target, args, newTarget) => {
    const buffer = construct(target, args, newTarget)
    // One that does not grow is counted by itself.
    const most = apply(mostOf, buffer, [])
    return most === apply(sharedLengthOf, buffer, []) ? buffer : keep(buffer, new Buffer(most))
  })
})()
