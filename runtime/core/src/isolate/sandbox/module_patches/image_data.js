// Inserted at the start of the module of ImageData, which allocates natively and aborts on failure. A typed array of the
// same size checks the memory limit first, and fails with an exception.
{
  const { ops } = __bootstrap.core
  const {
    ArrayBufferIsView,
    MathMin,
    ObjectDefineProperty,
    ReflectConstruct,
    TypeError,
    Uint8Array,
  } = __bootstrap.primordials
  const maxBytesPerPixel = 8
  const Native = ops.ImageData
  // Neither a proxy nor a subclass: a script would reach the native class behind it.
  function ImageData(...args) {
    if (new.target === undefined) {
      throw new TypeError("Class constructor ImageData cannot be invoked without 'new'")
    }
    if (args.length >= 2 && !ArrayBufferIsView(args[0])) {
      // Converts once: an object could convert to a different number for the check and the call. Uses indexes, because
      // a script can change the iterator of arrays.
      const first = args[0] >>> 0
      const second = args[1] >>> 0
      new Uint8Array(MathMin(first * second * maxBytesPerPixel, 2 ** 53 - 1))
      args = [first, second, args[2]]
    }
    return ReflectConstruct(Native, args, new.target)
  }
  ObjectDefineProperty(ImageData, 'length', { __proto__: null, value: Native.length })
  ObjectDefineProperty(ImageData, 'prototype', {
    __proto__: null,
    value: Native.prototype,
    writable: false,
  })
  Native.prototype.constructor = ImageData
  ops.ImageData = ImageData
}
