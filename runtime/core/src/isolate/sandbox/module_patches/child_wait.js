// Inserted at the start of Deno's processes: the exit of a child is reported after all of its output is forwarded.
{
  const { ops } = __bootstrap.core
  const { ArrayPrototypeSlice, PromisePrototypeThen, SymbolFor } = __bootstrap.primordials
  // `op_desktop_apply_patch` is a carrier (`ops/overrides.rs`).
  const { op_spawn_wait: wait, op_desktop_apply_patch: drain } = ops
  const promiseId = SymbolFor('Deno.core.internalPromiseId')
  ops.op_spawn_wait = (rid) => {
    const ended = wait(rid)
    if (!drain(rid, false)) return ended
    const drained = PromisePrototypeThen(
      ended,
      (status) => {
        drain(rid, true)
        return status
      },
      (error) => {
        drain(rid, true)
        throw error
      },
    )
    // Deno finds the promise by this ID, for `ref` and `unref`.
    drained[promiseId] = ended[promiseId]
    return drained
  }
  // Deno's own ops pass the application's environment on.
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
}
