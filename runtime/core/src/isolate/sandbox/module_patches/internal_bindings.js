// Inserted before getBinding() of Node's internal bindings. Packages read some of them, and get copies or empty objects.
// The others, null here, expose native classes, which assume that only Deno's modules call them.
const bindings = (() => {
  const { ObjectEntries, SafeSet } = primordials
  const copy = (source) => {
    const copied = { __proto__: null }
    for (const [name, value] of new SafeArrayIterator(ObjectEntries(source))) {
      copied[name] = value !== null && typeof value === 'object' ? copy(value) : value
    }
    return copied
  }
  const native = new SafeSet([
    'async_wrap',
    'block_list',
    'buffer',
    'cares_wrap',
    'crypto',
    'http2',
    'http_parser',
    'inspector',
    'pipe_wrap',
    'stream_wrap',
    'string_decoder',
    'symbols',
    'tcp_wrap',
    'tty_wrap',
    'udp_wrap',
  ])
  const reachable = { __proto__: null }
  for (const name of new SafeArrayIterator(ObjectKeys(modules))) {
    reachable[name] = native.has(name) ? null : modules[name]
  }
  return {
    ...reachable,
    constants: copy(constants),
    types: { ...types },
    util: { ...types, ...util },
    __proto__: null,
  }
})()
const bindingOf = (name) => {
  const binding = bindings[name]
  if (binding !== null) return binding
  const error = new Error(
    `process.binding('${name}') is not available to an embedded script: it exposes the engine's native ` +
      "classes. Use the public modules of Node; a child process has it: runtime 'node'",
  )
  error.code = 'ERR_INVALID_MODULE'
  throw error
}
