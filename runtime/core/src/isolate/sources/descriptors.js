// Stands at the head of every built-in module that has a way to the application's descriptors, with
// their `__bootstrap` in sight. The first of them to be loaded changes what all of them use; no script
// has seen any of it before, and none sees what it was.
{
  const { ops } = __bootstrap.core
  if (!ops.areDescriptorsGuarded) {
    const {
      ArrayPrototypeConcat,
      ArrayPrototypeMap,
      ArrayPrototypeSlice,
      FunctionPrototypeCall,
      ObjectDefineProperty,
      ObjectEntries,
      SafeSet,
      SafeWeakSet,
      SetPrototypeAdd,
      SetPrototypeDelete,
      WeakSetPrototypeAdd,
      WeakSetPrototypeHas,
    } = __bootstrap.primordials
    // Of the ops that ours take the place of, these have a name by chance.
    const { op_tty_check_fd_permission: check, op_require_break_on_next_statement: adopted } = ops
    const replace = (target, name, value) =>
      ObjectDefineProperty(target, name, {
        __proto__: null,
        value,
        configurable: false,
        enumerable: false,
        writable: false,
      })

    // Pipes that were made for the script and that nothing reads yet. Each may be taken once.
    const pipes = new SafeSet()
    const guardOpen = ({ prototype }) => {
      const { open } = prototype
      replace(prototype, 'open', function (number) {
        // Once: an object could be one number for the check and another one for the call.
        const descriptor = number | 0
        if (!SetPrototypeDelete(pipes, descriptor)) check(-1)
        const code = FunctionPrototypeCall(open, this, descriptor)
        if (code === 0) adopted(descriptor)
        return code
      })
    }
    guardOpen(ops.PipeWrap)
    guardOpen(ops.TCPWrap)

    // A socket that listens without an address gets one that no permission was asked for.
    const addressed = new SafeWeakSet()
    const guardBind = ({ prototype }, name) => {
      const bind = prototype[name]
      replace(prototype, name, function (address, port, flags) {
        const code = FunctionPrototypeCall(bind, this, address, port, flags)
        if (code === 0) WeakSetPrototypeAdd(addressed, this)
        return code
      })
    }
    const guardListen = ({ prototype }) => {
      const { bind, listen } = prototype
      replace(prototype, 'listen', function (backlog) {
        const code = WeakSetPrototypeHas(addressed, this)
          ? 0
          : FunctionPrototypeCall(bind, this, '0.0.0.0', 0)
        return code === 0 ? FunctionPrototypeCall(listen, this, backlog) : code
      })
    }
    guardBind(ops.TCPWrap, 'bind')
    guardBind(ops.TCPWrap, 'bind6')
    guardBind(ops.TCPWrap, 'bindWithFlags')
    guardListen(ops.TCPWrap)

    const { op_node_create_pipe: createPipe } = ops
    ops.op_node_create_pipe = () => {
      const pair = createPipe()
      SetPrototypeAdd(pipes, pair[0])
      SetPrototypeAdd(pipes, pair[1])
      return pair
    }

    // Without these a child would find no program, or could not run. They are no secret.
    const { op_env: variables, op_get_env_no_permission_check: look } = ops
    const needed =
      __bootstrap.core.build.os === 'windows'
        ? ['PATH', 'PATHEXT', 'SystemRoot', 'SystemDrive', 'windir', 'TEMP']
        : ['PATH']
    ops.withSearchPath = (env) => {
      ArrayPrototypeMap(needed, (name) => {
        const value = env[name] ?? look(name)
        if (value != null) env[name] = value
      })
      return env
    }
    // The application's variables are not for children: what a script may see of its own, they get.
    const environment = ({ clearEnv, env }) =>
      clearEnv
        ? env
        : ArrayPrototypeConcat(
            ObjectEntries(ops.withSearchPath({ __proto__: null, ...variables() })),
            env,
          )

    // What a child would share with the application it gets from nowhere.
    const own = (stdio) => {
      if (typeof stdio !== 'number') return stdio === 'inherit' ? 'null' : stdio
      const descriptor = stdio | 0
      if (descriptor >= 0 && descriptor <= 2) return 'null'
      check(descriptor)
      return descriptor
    }
    const guardSpawn = (name) => {
      const spawn = ops[name]
      ops[name] = (request, apiName) => {
        const { stdin, stdout, stderr, extraStdio } = request
        const owned = { stdin: own(stdin), stdout: own(stdout), stderr: own(stderr) }
        if (extraStdio) owned.extraStdio = ArrayPrototypeMap(extraStdio, own)
        owned.env = environment(request)
        owned.clearEnv = true
        // There is nothing that a Deno would have to know of this process's packages.
        owned.needsNpmProcessState = false
        const child = spawn({ __proto__: null, ...request, ...owned }, apiName)
        SetPrototypeAdd(pipes, child.stdinFd)
        SetPrototypeAdd(pipes, child.stdoutFd)
        SetPrototypeAdd(pipes, child.stderrFd)
        ArrayPrototypeMap(child.extraPipeFds ?? [], (pipe) => SetPrototypeAdd(pipes, pipe))
        return child
      }
    }
    guardSpawn('op_spawn_child')
    guardSpawn('op_node_spawn_child')
    guardSpawn('op_spawn_sync')
    // Cannot do without the application's variables.
    ops.op_run = ({ cmd, ...request }) =>
      ops.op_spawn_child(
        {
          __proto__: null,
          ...request,
          cmd: cmd[0],
          args: ArrayPrototypeSlice(cmd, 1),
          clearEnv: false,
          windowsRawArguments: false,
          detached: false,
          serialization: 'json',
          ipc: -1,
          extraStdio: [],
        },
        'Deno.run()',
      )
    ops.op_run_status = async (rid) => {
      const { code, signal } = await ops.op_spawn_wait(rid)
      return { gotSignal: signal !== null, exitCode: code, exitSignal: code - 128 }
    }

    // The terminal is the application's, and the standard streams of WASI are, whatever it is told.
    const refuse = (kind) => {
      const Refused = class {
        constructor() {
          check(-1)
        }
        static isTTY() {
          return false
        }
      }
      replace(ops[kind].prototype, 'constructor', Refused)
      ops[kind] = Refused
    }
    refuse('TTY')
    refuse('WasiContext')
    ops.areDescriptorsGuarded = true
  }
}
