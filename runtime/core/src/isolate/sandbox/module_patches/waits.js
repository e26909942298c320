// Stands at the head of Deno's processes: a script hears of the end of a child when all of its output has been moved.
{
  const { ops } = __bootstrap.core
  const { ArrayPrototypeSlice, PromisePrototypeThen, SymbolFor } = __bootstrap.primordials
  // The other op has its name by chance.
  const { op_spawn_wait: wait, op_desktop_apply_patch: settle } = ops
  const promiseId = SymbolFor('Deno.core.internalPromiseId')
  ops.op_spawn_wait = (rid) => {
    const ended = wait(rid)
    if (!settle(rid, false)) return ended
    const settled = PromisePrototypeThen(
      ended,
      (status) => {
        settle(rid, true)
        return status
      },
      (error) => {
        settle(rid, true)
        throw error
      },
    )
    // By this the engine knows for whom it goes on.
    settled[promiseId] = ended[promiseId]
    return settled
  }
  // Deno's own ops for this hand on the application's variables.
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
