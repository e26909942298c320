// Web Cryptography makes keys natively, of whatever size a script names: memory that nothing refuses, and calls
// that nothing interrupts.
;(() => {
  const { prototype } = SubtleCrypto
  const { generateKey, deriveBits } = prototype
  const { apply } = Reflect
  const { ceil } = Math
  const Buffer = ArrayBuffer
  const Failure = DOMException
  const Refusal = RangeError
  const toNumber = Number
  // As OpenSSL has it for RSA.
  const mostBits = 16384
  const members = ['name', 'modulusLength', 'publicExponent', 'hash', 'namedCurve', 'length']

  // Throws a `RangeError` where so much memory is not to be had.
  const ask = (bits) => {
    if (!(bits > 0)) return
    try {
      new Buffer(ceil(bits / 8))
    } catch {
      throw new Refusal(`${bits} bits are not to be had (limits.arrayBufferMb)`)
    }
  }
  const replace = (name, value) => {
    Object.defineProperty(prototype, name, {
      ...Object.getOwnPropertyDescriptor(prototype, name),
      value,
    })
  }
  // Each member is read once: it could be one number for the question and another one for the call.
  const read = (algorithm) => {
    const copy = { __proto__: null }
    for (let i = 0; i < members.length; i++) {
      const value = algorithm[members[i]]
      if (value !== undefined) copy[members[i]] = value
    }
    return copy
  }
  const { generateKey: bounded, deriveBits: boundedBits } = {
    async generateKey(algorithm, extractable, keyUsages) {
      if (arguments.length < 3 || typeof algorithm !== 'object' || algorithm === null) {
        return apply(generateKey, this, arguments)
      }
      const copy = read(algorithm)
      if (copy.modulusLength !== undefined) copy.modulusLength = toNumber(copy.modulusLength)
      if (copy.modulusLength > mostBits) {
        const words = `An RSA key of ${copy.modulusLength} bits is too large`
        throw new Failure(
          `${words}; an embedded script may have ${mostBits} bits at the most`,
          'OperationError',
        )
      }
      if (copy.length !== undefined) {
        copy.length = toNumber(copy.length)
        ask(copy.length)
      }
      return apply(generateKey, this, [copy, extractable, keyUsages])
    },
    async deriveBits(algorithm, baseKey, length) {
      if (typeof length === 'object' && length !== null) length = toNumber(length)
      ask(toNumber(length ?? 0))
      return apply(
        deriveBits,
        this,
        arguments.length < 3 ? arguments : [algorithm, baseKey, length],
      )
    },
  }
  replace('generateKey', bounded)
  replace('deriveBits', boundedBits)
})()
