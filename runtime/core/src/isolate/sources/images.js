// Stands at the head of the module of images, which makes their memory natively and takes a refusal
// for the end of the program. Whether there is so much is asked first, in a way that can be refused.
{
  const { ops } = __bootstrap.core
  const { ArrayBufferIsView, MathMin, Proxy, ReflectConstruct, Uint8Array } =
    __bootstrap.primordials
  const mostBytes = 8
  const Native = ops.ImageData
  ops.ImageData = new Proxy(Native, {
    __proto__: null,
    construct(target, args, newTarget) {
      let [first, second, settings] = args
      if (args.length >= 2 && !ArrayBufferIsView(first)) {
        // Once: an object could be one number for the question and another one for the call.
        first = first >>> 0
        second = second >>> 0
        new Uint8Array(MathMin(first * second * mostBytes, 2 ** 53 - 1))
        args = [first, second, settings]
      }
      return ReflectConstruct(target, args, newTarget)
    },
  })
  Native.prototype.constructor = ops.ImageData
}
