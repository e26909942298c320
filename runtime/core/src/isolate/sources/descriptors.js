// Stands at the head of every built-in module that has a way to the application's descriptors, with
// their `__bootstrap` in sight. The first of them to be loaded changes what all of them use; no script
// has seen any of it before, and none sees what it was.
{
  const { ops } = __bootstrap.core
  if (!ops.areDescriptorsGuarded) {
    const {
      ArrayPrototypeConcat,
      ArrayPrototypeFilter,
      ArrayPrototypeMap,
      ArrayPrototypePush,
      ArrayPrototypeSlice,
      ArrayPrototypeSome,
      FunctionPrototypeCall,
      ObjectDefineProperty,
      ObjectEntries,
      PromisePrototypeThen,
      SafeMap,
      SafeSet,
      SafeWeakSet,
      SetPrototypeAdd,
      SetPrototypeDelete,
      StringPrototypeIncludes,
      StringPrototypeReplaceAll,
      StringPrototypeStartsWith,
      StringPrototypeToUpperCase,
      StringPrototypeTrim,
      SymbolFor,
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

    // Deno lets a script that may start certain programs only start none with a variable of the dynamic
    // linker. One that the script has inherited is left out: AppImages have some, and so have developers.
    const { op_query_permission: query } = ops
    const isLinkers = ({ 0: name }) => {
      const known = StringPrototypeToUpperCase(StringPrototypeTrim(name))
      return StringPrototypeStartsWith(known, 'LD_') || StringPrototypeStartsWith(known, 'DYLD_')
    }
    const permitted = (env) => {
      if (!ArrayPrototypeSome(env, isLinkers)) return env
      if (query({ __proto__: null, name: 'run' }).state === 'granted') return env
      return ArrayPrototypeFilter(env, (entry) => !isLinkers(entry) || entry[1] !== look(entry[0]))
    }

    // The script's own streams are shared by pipes. These ops have their names by chance, too.
    const {
      op_desktop_confirm_update: openPipe,
      op_desktop_verify_ed25519: openPipeFor,
      op_desktop_reject_bind_call: descriptorOf,
      op_desktop_alert: isTaken,
      op_desktop_apply_patch: settle,
    } = ops
    // By the resource of the child that has them.
    const shared = new SafeMap()
    const sharing = (isWaitedFor) => {
      const standard = []
      const pipes = []
      const share = (stream, isStandard) => {
        let pipe = isStandard ? standard[stream] : undefined
        if (pipe === undefined) {
          pipe = openPipe(stream === 0 && isWaitedFor ? 3 : stream)
          if (pipe < 0) return 'null'
          ArrayPrototypePush(pipes, pipe)
          if (isStandard) standard[stream] = pipe
        }
        return descriptorOf(pipe)
      }
      // What else a child would share with the application it gets from nowhere.
      const own = (stdio, place) => {
        if (stdio === 'inherit') return place < 3 ? share(place, true) : 'null'
        if (typeof stdio !== 'number') return stdio
        const descriptor = stdio | 0
        if (descriptor >= 0 && descriptor <= 2) return share(descriptor, place < 3)
        check(descriptor)
        return descriptor
      }
      // Deno would write all of it before it reads, and leave a child behind that does not read it.
      const given = (input) => {
        const pipe = openPipeFor(input)
        if (pipe < 0) return { input, stdin: 'null' }
        ArrayPrototypePush(pipes, pipe)
        return { input: undefined, stdin: descriptorOf(pipe) }
      }
      return { own, given, pipes }
    }

    // Starting this is starting a script; see `executable.rs`.
    const { op_desktop_init: runtime, op_exec_path: executable } = ops
    const noExecutable =
      __bootstrap.core.build.os === 'windows'
        ? 'NUL\\js-runtime'
        : '/proc/js-runtime/no-node-deno-or-bun'
    ops.addRemedy = (error, command) => {
      if (command !== noExecutable) return
      error.message +=
        ': an embedded backend starts other scripts with node, deno or bun, and none of them was found that it' +
        ' may run; install one, or set its path (setRuntimePath), and grant it in permissions.run'
    }
    const withExecutable = ({ cmd, args }) => {
      const isMeant = (text) => StringPrototypeIncludes(text, noExecutable)
      if ((!isMeant(cmd) && !ArrayPrototypeSome(args, isMeant)) || runtime(true) === 0) {
        return { cmd, args }
      }
      const path = executable()
      const replaced = (text) => StringPrototypeReplaceAll(text, noExecutable, path)
      return { cmd: replaced(cmd), args: ArrayPrototypeMap(args, replaced) }
    }

    // By its mark a program is found, and all that it starts, when the script or the application ends.
    const marked = (env) => {
      const mark = look('JS_RUNTIME_APP')
      return mark ? ArrayPrototypeConcat(env, [['JS_RUNTIME_APP', mark]]) : env
    }
    const start = (spawn, request, apiName, { own, given, pipes }) => {
      const { input, stdin, stdout, stderr, extraStdio } = request
      try {
        return spawn(
          {
            __proto__: null,
            ...request,
            ...withExecutable(request),
            ...(input == null ? { stdin: own(stdin, 0) } : given(input)),
            stdout: own(stdout, 1),
            stderr: own(stderr, 2),
            extraStdio: ArrayPrototypeMap(extraStdio ?? [], (stdio) => own(stdio, 3)),
            env: marked(permitted(environment(request))),
            clearEnv: true,
            // There is nothing that a Deno would have to know of this process's packages.
            needsNpmProcessState: false,
          },
          apiName,
        )
      } catch (error) {
        ArrayPrototypeMap(pipes, settle)
        ops.addRemedy(error, request.cmd)
        throw error
      } finally {
        ArrayPrototypeMap(pipes, isTaken)
      }
    }
    const guardSpawn = (name) => {
      const spawn = ops[name]
      ops[name] = (request, apiName) => {
        const shares = sharing(name === 'op_spawn_sync')
        const taken = shares.pipes
        const child = start(spawn, request, apiName, shares)
        if (child.rid === undefined) {
          ArrayPrototypeMap(taken, settle)
          return child
        }
        if (taken.length > 0) shared.set(child.rid, taken)
        SetPrototypeAdd(pipes, child.stdinFd)
        SetPrototypeAdd(pipes, child.stdoutFd)
        SetPrototypeAdd(pipes, child.stderrFd)
        ArrayPrototypeMap(child.extraPipeFds ?? [], (pipe) => SetPrototypeAdd(pipes, pipe))
        return child
      }
    }
    // A script hears of the end of a child when all of its output has been moved.
    const { op_spawn_wait: wait } = ops
    const promiseId = SymbolFor('Deno.core.internalPromiseId')
    ops.op_spawn_wait = (rid) => {
      const taken = shared.get(rid)
      const ended = wait(rid)
      if (!taken) return ended
      shared.delete(rid)
      const settled = PromisePrototypeThen(
        ended,
        (status) => {
          ArrayPrototypeMap(taken, settle)
          return status
        },
        (error) => {
          ArrayPrototypeMap(taken, settle)
          throw error
        },
      )
      // By this the engine knows for whom it goes on.
      settled[promiseId] = ended[promiseId]
      return settled
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
