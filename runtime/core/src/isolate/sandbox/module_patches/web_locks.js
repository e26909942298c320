function ofThisProcess({ held, pending }) {
  const { ArrayPrototypeFilter, ArrayPrototypeMap } = primordials
  const own = (locks) =>
    ArrayPrototypeMap(
      ArrayPrototypeFilter(locks, ({ name }) => StringPrototypeStartsWith(name, jsRuntimeProcess)),
      (lock) => ({ ...lock, name: StringPrototypeSlice(lock.name, jsRuntimeProcess.length) }),
    )
  return { held: own(held), pending: own(pending) }
}
