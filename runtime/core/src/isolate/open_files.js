// Connections, listeners and watchers are opened where there is room for them (limits.openFiles).
;(() => {
  // The op has its name by chance.
  const { op_require_break_on_next_statement: act } = jsRuntimeNatives[0]
  const checkRoom = () => act(0, 0)
  const { apply, getOwnPropertyDescriptor, getPrototypeOf } = Reflect
  const counted = new WeakMap()
  const { get, set } = WeakMap.prototype

  const guard = (native, opened) => {
    if (typeof native !== 'function') return native
    const known = apply(get, counted, [native])
    if (known) return known
    const guarded = new Proxy(native, {
      __proto__: null,
      apply(target, that, args) {
        checkRoom()
        const answer = apply(target, that, args)
        opened?.(answer)
        return answer
      },
    })
    apply(set, counted, [native, guarded])
    // What is guarded already stays as it is.
    apply(set, counted, [guarded, guarded])
    return guarded
  }
  const replace = (owner, name, opened) => {
    const own = getOwnPropertyDescriptor(owner, name)
    if (own?.get) {
      Object.defineProperty(owner, name, {
        ...own,
        get() {
          return guard(apply(own.get, this, []), opened)
        },
      })
    } else if (own) {
      Object.defineProperty(owner, name, { ...own, value: guard(own.value, opened) })
    }
  }
  const accepts = (listener) => replace(getPrototypeOf(listener), 'accept')

  for (const name of ['listen', 'listenTls']) replace(Deno, name, accepts)
  for (const name of ['connect', 'connectTls', 'listenDatagram', 'serve', 'watchFs']) {
    replace(Deno, name)
  }
})()
