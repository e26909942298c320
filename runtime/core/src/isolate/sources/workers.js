// Stands at the head of node:worker_threads. A thread whose stack is smaller than V8 takes it for ends
// the program, and one that is very large can not be had.
{
  const { ops } = __bootstrap.core
  const { MathMax, MathMin } = __bootstrap.primordials
  const smallest = 4
  const largest = 64
  const { op_create_worker: create } = ops
  ops.op_create_worker = (args, metadata) => {
    const { resourceLimits } = args
    if (!resourceLimits) return create(args, metadata)
    const stackSizeMb = MathMax(smallest, MathMin(largest, resourceLimits.stackSizeMb | 0))
    return create({ ...args, resourceLimits: { ...resourceLimits, stackSizeMb } }, metadata)
  }
}
