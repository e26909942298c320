// Stands at the head of the module of images, which makes their memory natively and takes a refusal
// for the end of the program. Whether there is so much is asked first, in a way that can be refused.
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
  const mostBytes = 8
  const Native = ops.ImageData
  // No proxy, and no subclass: a script would find the native class behind it.
  function ImageData(...args) {
    if (new.target === undefined) {
      throw new TypeError("Class constructor ImageData cannot be invoked without 'new'")
    }
    if (args.length >= 2 && !ArrayBufferIsView(args[0])) {
      // Once: an object could be one number for the question and another one for the call. By their places: what
      // goes through an array is the script's to say.
      const first = args[0] >>> 0
      const second = args[1] >>> 0
      new Uint8Array(MathMin(first * second * mostBytes, 2 ** 53 - 1))
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
