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
      if (args.length >= 2 && !ArrayBufferIsView(args[0])) {
        // Once: an object could be one number for the question and another one for the call. By their places: what
        // goes through an array is the script's to say.
        const first = args[0] >>> 0
        const second = args[1] >>> 0
        new Uint8Array(MathMin(first * second * mostBytes, 2 ** 53 - 1))
        args = [first, second, args[2]]
      }
      return ReflectConstruct(target, args, newTarget)
    },
  })
  Native.prototype.constructor = ops.ImageData
}
