// Inserted at the start of the modules of Node's child processes.
{
  const { ops } = __bootstrap.core
  if (!ops.isCommandLineGuarded) {
    // Node's command line is translated for Deno only. `op_desktop_init` is a carrier (`ops/overrides.rs`).
    const { op_node_translate_cli_args: translate, op_desktop_init: runtime } = ops
    const deno = 2
    ops.op_node_translate_cli_args = (args, isInPackage, isOfProcess) => {
      if (runtime(true) === deno) return translate(args, isInPackage, isOfProcess)
      // Leaves a shell command unchanged.
      if (!isOfProcess) throw new __bootstrap.primordials.Error('nothing to translate')
      return { denoArgs: args, nodeOptions: [], needsNpmProcessState: false }
    }

    // A child needs these to find programs and to run. They contain no secrets.
    const { op_get_env_no_permission_check: getEnv } = ops
    const isWindows = __bootstrap.core.build.os === 'windows'
    const needed = isWindows
      ? ['PATH', 'PATHEXT', 'SystemRoot', 'SystemDrive', 'windir', 'TEMP']
      : ['PATH']
    ops.withSearchPath = (env) => {
      __bootstrap.primordials.ArrayPrototypeForEach(needed, (name) => {
        const value = env[name] ?? getEnv(name)
        if (value != null) env[name] = value
      })
      return env
    }

    // The `process.execPath` of a script without a runtime for children (`children/executable.rs`).
    const noExecutable = isWindows ? 'NUL\\js-runtime' : '/proc/js-runtime/no-node-deno-or-bun'
    ops.addRemedy = (error, command) => {
      if (command !== noExecutable) return
      error.message +=
        ': an embedded backend starts other scripts with node, deno or bun, and none of them was found that it' +
        ' may run; install one, or set its path (setRuntimePath), and grant it in permissions.run'
    }
    ops.isCommandLineGuarded = true
  }
}

// A copy of the variables for a child whose options have none.
const variablesOf = ({ env }) => {
  const isOwn = env === core.loadExtScript('ext:deno_node/_process/process.ts').env
  return isOwn ? core.ops.withSearchPath({ ...env }) : { ...env }
}

// Fills in the result of a failed synchronous start.
const failSync = (result, error, create) => {
  const isOf = (kind) => ObjectPrototypeIsPrototypeOf(Deno.errors[kind].prototype, error)
  const code = isOf('NotFound') ? 'ENOENT' : isOf('PermissionDenied') ? 'EACCES' : undefined
  result.error = code ? create(code) : error
  result.pid = 0
  result.status = result.signal = result.output = result.stdout = result.stderr = null
}

const isStandardStream = (stream) =>
  stream !== null &&
  typeof stream === 'object' &&
  (stream.fd === 0 || stream.fd === 1 || stream.fd === 2)

// The stdin of a synchronous child.
const stdinOf = (stdin, convert) => {
  if (stdin == null || stdin === 'pipe' || stdin === 'overlapped') return 'null'
  const own = convert(stdin)
  return own === 'piped' ? 'null' : own
}
