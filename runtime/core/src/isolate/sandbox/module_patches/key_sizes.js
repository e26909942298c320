// Inserted at the start of the modules for keys and primes, whose sizes a script chooses. Large sizes allocate native
// memory without a limit, and run calls that cannot be interrupted. An ArrayBuffer of the same size checks the memory
// limit first, and fails with an exception.
{
  const { ops } = __bootstrap.core
  const {
    ArrayBuffer,
    MathMax,
    MathMin,
    PromisePrototypeThen,
    RangeError,
    ReflectApply,
    SafeSet,
    SetPrototypeAdd,
    SetPrototypeDelete,
    TypedArrayPrototypeGetByteLength,
  } = __bootstrap.primordials

  // The limit of OpenSSL for RSA.
  const maxBits = 16384
  // Each round detects three of four composite numbers. After 64 rounds the error probability is below 2^-128.
  const maxRounds = 64
  const retained = new SafeSet()

  const bits = (count) => {
    if (count > maxBits) {
      throw new RangeError(
        `A key or prime of ${count} bits is too large; the limit for embedded scripts is ${maxBits} bits`,
      )
    }
  }
  const ofNumber = (bytes) => 8 * (bytes ? TypedArrayPrototypeGetByteLength(bytes) : 0)
  const memory = (bytes) => {
    try {
      return new ArrayBuffer(MathMin(bytes, 2 ** 53 - 1))
    } catch {
      throw new RangeError(
        `This takes ${bytes} bytes, which exceeds the limit (limits.arrayBufferMb)`,
      )
    }
  }
  // Retains the result of `check` until the op has finished. `change` can change the arguments after the check.
  const bound = (name, check, change) => {
    const op = ops[name]
    if (!op || op.isBounded) return
    const bounded = (...args) => {
      const allocation = ReflectApply(check, undefined, args)
      change?.(args)
      const result = ReflectApply(op, undefined, args)
      if (allocation === undefined || typeof result?.then !== 'function') return result
      SetPrototypeAdd(retained, allocation)
      const done = () => SetPrototypeDelete(retained, allocation)
      PromisePrototypeThen(result, done, done)
      return result
    }
    bounded.isBounded = true
    ops[name] = bounded
  }
  const boundBoth = (name, check, change) => {
    bound(name, check, change)
    bound(`${name}_async`, check, change)
  }

  const scrypt = (_password, _salt, length, cost, block, parallel) =>
    memory(128 * block * (2 ** cost + parallel) + length)
  bound('op_node_scrypt_sync', scrypt)
  bound('op_node_scrypt_async', scrypt)
  boundBoth('op_node_generate_secret_key', memory)
  boundBoth('op_node_generate_rsa_key', bits)
  boundBoth('op_node_generate_rsa_pss_key', bits)
  boundBoth('op_node_generate_dsa_key', (modulus, divisor) => bits(MathMax(modulus, divisor)))
  boundBoth('op_node_generate_dh_key', (prime, length) => bits(MathMax(ofNumber(prime), length)))
  bound('op_node_dh_keys_generate_and_export', (prime, length) =>
    bits(MathMax(ofNumber(prime), length)),
  )
  bound('op_node_dh_compute_secret', (...numbers) => {
    for (let i = 0; i < numbers.length; i++) bits(ofNumber(numbers[i]))
  })
  boundBoth('op_node_gen_prime', bits)
  boundBoth(
    'op_node_check_prime_bytes',
    (number) => bits(ofNumber(number)),
    (args) => (args[1] = MathMin(args[1], maxRounds)),
  )
}
