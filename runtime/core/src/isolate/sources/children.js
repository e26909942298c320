// Stands at the head of Node's child processes. Gives the variables that a child gets where its script
// names none: a copy, which may be added to.
const variablesOf = ({ env }) => {
  const isOwn = env === core.loadExtScript('ext:deno_node/_process/process.ts').env
  return isOwn ? core.ops.withSearchPath({ ...env }) : { ...env }
}

// Fills in the answer of a synchronous start that failed.
const failSync = (result, error, create) => {
  const isOf = (kind) => ObjectPrototypeIsPrototypeOf(Deno.errors[kind].prototype, error)
  const code = isOf('NotFound') ? 'ENOENT' : isOf('PermissionDenied') ? 'EACCES' : undefined
  result.error = code ? create(code) : error
  result.pid = 0
  result.status = result.signal = result.output = result.stdout = result.stderr = null
}
